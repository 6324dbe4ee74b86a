#!/bin/bash
# A study on the nodes of a Slurm job: sbatch --nodes 4 docs/scale/slurm.sh /shared/study.yaml [options of crosstune run]
#
# Ray runs on every node of the job, the study on the first. The folder of results must be on a file system that all nodes see.
# Slurm sends SIGTERM before the time is up; the study ends politely, and the same command goes on from there.
#SBATCH --job-name=crosstune
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --gpus-per-node=4
#SBATCH --time=08:00:00
#SBATCH --signal=B:TERM@120
#SBATCH --requeue
set -euo pipefail

study=${1:?usage: sbatch --nodes N slurm.sh STUDY [options]}
shift
root=${CROSSTUNE_ROOT:-$(dirname "$(realpath "$study")")/runs}
port=$((20000 + SLURM_JOB_ID % 20000))   # several jobs may share a node
read -r head < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
cpus=$SLURM_CPUS_PER_TASK
gpus=${SLURM_GPUS_ON_NODE:-0}
export RAY_USAGE_STATS_ENABLED=0
export RAY_AUTH_MODE=token               # others on these nodes cannot run anything on this cluster
[[ -f ~/.ray/auth_token ]] || ray get-auth-token --generate > /dev/null

# Each node runs Ray in the foreground, so that Slurm ends it with the job.
srun --nodes 1 --ntasks 1 --nodelist "$head" \
    ray start --head --node-ip-address "$head" --port "$port" --num-cpus "$cpus" --num-gpus "$gpus" --block &
for _ in $(seq 60); do
    ray status --address "$head:$port" > /dev/null 2>&1 && break
    sleep 2
done
if ((SLURM_JOB_NUM_NODES > 1)); then
    srun --nodes $((SLURM_JOB_NUM_NODES - 1)) --ntasks $((SLURM_JOB_NUM_NODES - 1)) --exclude "$head" \
        ray start --address "$head:$port" --num-cpus "$cpus" --num-gpus "$gpus" --block &
fi

crosstune run "$study" --executor ray --address "$head:$port" --root "$root" "$@" &
crosstune=$!
trap 'kill -TERM "$crosstune"' TERM
status=0
wait "$crosstune" || status=$?
wait "$crosstune" || status=$?     # once more: the first returns when the signal comes
exit "$status"
