FROM node:22-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --omit=dev

FROM python:3.11-slim-trixie
# The last one: of the arenas that glibc gives to threads, each keeps what was freed in it, and the memory grows.
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 MALLOC_ARENA_MAX=2
WORKDIR /app
# For the commands backup and restore. It must not be older than the server of docker-compose.yml.
RUN apt-get update && apt-get install --yes --no-install-recommends postgresql-client-17 \
    && rm -rf /var/lib/apt/lists/*
COPY requirements.txt ./
RUN pip install --no-cache-dir --requirement requirements.txt

# A named volume that is new takes over what the image has at its place, the owner too.
RUN useradd --system --uid 10001 pizza && install --directory --owner=pizza /data /data/media /static

COPY . .
COPY --from=packages /app/node_modules node_modules
ENV STATIC_HASHED=true DATA_DIR=/data
# The settings need a key and a folder, for this one command only.
RUN SECRET_KEY=for-collectstatic-only DATA_DIR=/tmp/build python manage.py collectstatic --noinput \
    && rm -r /tmp/build

USER pizza
EXPOSE 8000
CMD ["daphne", "-v", "0", "--websocket_connect_timeout", "30", "-e", "tcp:port=8000:interface=0.0.0.0:backlog=4096", \
     "pizzaProj.asgi:application"]
