"""The viewer of one series on a page of its own, and the pictures that it shows."""

from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from ich_node.ledger import Job
from ich_node.web.numbers import number_of
from ich_node.web.page import looks
from ich_node.web.pictures.images import ShownImage
from ich_node.web.pictures.pictures import JobPictures, NoPicture, Why
from ich_node.web.pictures.windows import window_of
from ich_node.web.rendering import render
from ich_node.web.site import Site
from ich_node.web.viewer import viewer_of

STATUS = {Why.SWEPT: 410, Why.DAMAGED: 422, Why.NO_HU: 422, Why.MAP_DAMAGED: 422}


def show(request: Request, site: Site) -> Response:
    job = _job(request, site)
    return render(
        request, "viewer_page.html", job=job, viewer=viewer_of(site, job, request.query_params)
    )


def show_slice(request: Request, site: Site) -> Response:
    window = window_of(request.query_params)
    if window is None:
        raise HTTPException(400, "window")
    return _picture(request, site, lambda _, image: site.pictures.slice(image, window))


def show_map(request: Request, site: Site) -> Response:
    return _picture(request, site, site.pictures.map)


def show_thumbnail(request: Request, site: Site) -> Response:
    return _picture(request, site, lambda _, image: site.pictures.thumbnail(image))


def _picture(
    request: Request, site: Site, make: Callable[[JobPictures, ShownImage], bytes]
) -> Response:
    """The PNG; or the reason why there is none, which the viewer has a sentence for.

    It shows a patient: no cache stores it (guards/headers.py). The viewer keeps those that it shows
    in the memory of its page.
    """
    pictures = site.pictures.of(_job(request, site))
    try:
        png = make(pictures, pictures.image(number_of(request.path_params["number"]) or 0))
    except NoPicture as error:
        return PlainTextResponse(error.why, STATUS.get(error.why, 404))
    return Response(png, media_type="image/png")


def _job(request: Request, site: Site) -> Job:
    number = number_of(request.path_params["job"])
    job = None if number is None else site.ledger.operator.get(number)
    if job is None:
        raise HTTPException(404, "job")
    return job


routes = [
    looks("/series/{job}/viewer", show),
    looks("/series/{job}/slices/{number}.png", show_slice),
    looks("/series/{job}/maps/{number}.png", show_map),
    looks("/series/{job}/thumbnails/{number}.png", show_thumbnail),
]
