"""Files that the coordinator fetches and brings."""

import io
import json
from urllib.parse import quote

import polars as pl
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from crosstune.annotation.export import as_csv, comparisons, history, scores
from crosstune.annotation.importing import import_scores, read_table
from crosstune.annotation.label_studio import import_tasks, labelling_config, tasks
from crosstune.annotation.server.annotator_pages import SiteOf
from crosstune.annotation.server.coordinator_pages import ONLY_COORDINATOR
from crosstune.annotation.server.sessions import NotAllowed, check_csrf
from crosstune.annotation.server.site import Site
from crosstune.errors import InvalidData

router = APIRouter(dependencies=ONLY_COORDINATOR)


def _parquet(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def _content(site: Site, name: str) -> tuple[bytes, str]:
    database = site.database
    table = {"scores": scores, "comparisons": comparisons, "history": history}
    stem, _, ending = name.rpartition(".")
    if stem in table and ending == "parquet":
        return _parquet(table[stem](database)), "application/vnd.apache.parquet"
    if stem in table and ending == "csv":
        return as_csv(table[stem](database)), "text/csv; charset=utf-8"
    if name == "label-studio-tasks.json":
        return json.dumps(tasks(database), ensure_ascii=False, indent=1).encode(), "application/json"
    if name == "label-studio-config.xml":
        return labelling_config(site.texts.best("en")).encode(), "application/xml"
    raise NotAllowed("page", 404)


@router.get("/coordinator/export/{name}")
def export(site: SiteOf, name: str) -> Response:
    """A file to keep."""
    content, kind = _content(site, name)
    headers = {"content-disposition": f"attachment; filename*=UTF-8''{quote(f'{site.name}-{name}')}"}
    return Response(content, media_type=kind, headers=headers)


@router.post("/coordinator/import")
async def bring(request: Request, site: SiteOf, name: str) -> JSONResponse:
    """Takes marks from a file: the body is the file, and `name` its name."""
    check_csrf(request, site.secret)
    content = await request.body()
    try:
        message = await run_in_threadpool(_import, site, content, name[-100:])
    except InvalidData as error:
        return JSONResponse({"problem": str(error)}, status_code=400)
    return JSONResponse({"message": message})


def _import(site: Site, content: bytes, name: str) -> str:
    if name.lower().endswith(".json"):
        result = import_tasks(site.database, content, name)
    else:
        result = import_scores(site.database, read_table(content, name))
    parts = [f"Marks added: {result.added}; known already: {result.known}"]
    if result.unknown_answers:
        parts.append(f"of answers that are not in the study: {result.unknown_answers}")
    if result.refused:
        parts.append(f"that could not be used: {result.refused} ({'; '.join(result.problems)})")
    return "; ".join(parts) + "."
