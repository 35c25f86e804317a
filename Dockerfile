# The images of docker-compose.yml: bridge (the program), controller (os-ken with our learning switch), host.
#   docker build --target bridge -t ovsbridge .

ARG DOTNET=10.0-noble

FROM mcr.microsoft.com/dotnet/sdk:${DOTNET} AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends clang llvm libbpf-dev make \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN make publish

FROM mcr.microsoft.com/dotnet/runtime:${DOTNET} AS bridge
RUN apt-get update \
 && apt-get install -y --no-install-recommends libbpf1 iproute2 openvswitch-common \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /src/artifacts /usr/local/lib/ovsbridge
RUN ln -s ../lib/ovsbridge/ovsbridge /usr/local/bin/ovsbridge
# ovs-ofctl and ovs-appctl look here too
ENV OVS_RUNDIR=/run/ovsbridge
STOPSIGNAL SIGTERM
ENTRYPOINT ["ovsbridge"]
CMD ["run"]

FROM debian:12-slim AS controller
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3-os-ken \
 && rm -rf /var/lib/apt/lists/*
COPY samples/osken /app
EXPOSE 6653
CMD ["osken-manager", "--ofp-tcp-listen-port", "6653", "/app/learning_switch.py"]

FROM debian:12-slim AS host
RUN apt-get update \
 && apt-get install -y --no-install-recommends iproute2 iputils-ping iperf3 tcpdump procps \
 && rm -rf /var/lib/apt/lists/*
CMD ["sleep", "infinity"]
