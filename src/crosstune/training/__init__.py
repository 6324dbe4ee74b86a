"""Full and LoRA fine-tuning with TRL and PEFT.

config.py     what the user sets             train.py      the whole of it
examples.py   conversations as tokens        batches.py    which examples each update sees
collate.py    a batch as tensors             attention.py  examples kept apart in one sequence
loss.py       logits where they count        trainer.py    TRL's trainer with these parts
launch.py     several processes              processes.py, sharding.py   what they share, and what each holds
setup.py      everything ready to start      checkpoints.py, curve.py, artifacts.py, chat_template.py   what is written
"""
