# One image for web, worker, beat and migrate; what a container does is its command.
# The embedded PostgreSQL and Valkey are not in it: DATABASE_URL and REDIS_URL name real ones (docs/operations.md).

FROM python:3.11-slim-bookworm AS build
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy
COPY .ci/bootstrap/uv.txt /tmp/uv.txt
RUN pip install --no-cache-dir --no-deps --only-binary :all: --require-hashes -r /tmp/uv.txt
RUN uv venv --no-config /opt/huadan
COPY requirements.lock /tmp/requirements.lock
RUN uv pip sync --no-config --no-cache --python /opt/huadan/bin/python --require-hashes /tmp/requirements.lock
WORKDIR /app
COPY manage.py ./
COPY billing billing
COPY tenants tenants
COPY usage usage
COPY invoices invoices
# Collecting needs settings that can be read, not true ones; nothing of them stays in the image.
RUN DATABASE_URL=postgresql://nobody@localhost/nobody REDIS_URL=redis://localhost:6379/0 \
    HUADAN_SECRET_KEY=only-to-collect-the-static-files-00 HUADAN_NUMBER_KEY=only-to-collect-the-static-files-00 \
    /opt/huadan/bin/python manage.py collectstatic --noinput

FROM python:3.11-slim-bookworm
RUN useradd --system --no-create-home --uid 10001 huadan
COPY --from=build /opt/huadan /opt/huadan
COPY --from=build /app /app
ENV PATH=/opt/huadan/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
USER huadan
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["gunicorn", "billing.wsgi", "--bind", "0.0.0.0:8000", "--workers", "2", "--threads", "4", "--worker-class", "gthread", "--worker-tmp-dir", "/dev/shm", "--no-control-socket"]
