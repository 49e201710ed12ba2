#!/bin/sh
# A RabbitMQ image for the tests where no registry can be reached: Debian's own packages and nothing else.
#
#   sudo docker/rabbitmq_image.sh        # debootstrap needs root, a mirror of Debian, and a Docker engine
#   TEST_RABBITMQ_IMAGE=rabbitmq:3.10.8-management make test
#
# Other versions: docker/rabbitmq_image.sh trixie rabbitmq:4.0.5-management
# DEBIAN_MIRROR names another mirror.
set -eu

suite=${1:-bookworm}
tag=${2:-rabbitmq:3.10.8-management}
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
base=sapi-debian:$suite

for tool in debootstrap docker tar; do
    if ! command -v "$tool" >/dev/null; then
        echo "$0: $tool is not installed" >&2
        exit 1
    fi
done

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
debootstrap --variant=minbase "$suite" "$folder/root" "$mirror"
tar -C "$folder/root" -cf "$folder/root.tar" .
docker import "$folder/root.tar" "$base"
# The wrapper in /usr/sbin insists on being started by root. Users other than of this machine log in as guest.
docker build --build-arg "BASE=$base" --tag "$tag" - <<'DOCKERFILE'
ARG BASE
FROM ${BASE}
RUN printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d \
    && apt-get update \
    && apt-get install --yes --no-install-recommends rabbitmq-server \
    && rm -rf /var/lib/apt/lists/*
RUN rabbitmq-plugins enable --offline rabbitmq_management \
    && echo 'loopback_users.guest = false' > /etc/rabbitmq/rabbitmq.conf
ENV RABBITMQ_LOGS=-
USER rabbitmq
EXPOSE 5672 15672
# `ping` succeeds before AMQP connections are accepted.
HEALTHCHECK --interval=5s --timeout=15s --start-period=20s --retries=20 \
    CMD ["rabbitmq-diagnostics", "-q", "check_port_connectivity"]
CMD ["/usr/lib/rabbitmq/bin/rabbitmq-server"]
DOCKERFILE
