# The daemon as an image: native kernels, the published program with the bundled model, the ASP.NET runtime without root.
# It listens on ports 8000 and 8001 (gRPC) on every address, and so wants a key: SERVING_TENANCY__API_KEY, or a file of tenants.
#
#   docker build -t serving:0.1.0 .                        CPUs only
#   docker build -t serving:0.1.0-cuda --target cuda .     the CUDA kernels, cuBLASLt and NCCL too; the driver comes with the NVIDIA container runtime
ARG DOTNET=10.0
# Of CUDA only cuBLASLt and NCCL are taken. Version 12 runs on drivers from 525 on, and knows GPUs up to compute capability 12.
ARG CUDA=12.9.1

# The SDK and runtime images of one version share a distribution: the library meets the C library that it was linked with.
FROM mcr.microsoft.com/dotnet/sdk:${DOTNET} AS native
RUN apt-get update \
    && apt-get install -y --no-install-recommends cmake g++ make \
    && rm -rf /var/lib/apt/lists/*
COPY native/ /src/native/
RUN sh /src/native/build.sh /native

# PTX, which the driver makes into machine code of its GPU: no toolkit of NVIDIA's is needed.
FROM mcr.microsoft.com/dotnet/sdk:${DOTNET} AS ptx
RUN apt-get update \
    && apt-get install -y --no-install-recommends clang-19 \
    && rm -rf /var/lib/apt/lists/*
COPY native/cuda/ /src/native/cuda/
RUN sh /src/native/cuda/build_ptx.sh /ptx

FROM mcr.microsoft.com/dotnet/sdk:${DOTNET} AS publish
ENV DOTNET_CLI_TELEMETRY_OPTOUT=1
WORKDIR /src
COPY global.json Directory.Build.props Directory.Packages.props ./
COPY src/ src/
COPY config/ config/
RUN dotnet publish -c Release -p:SkipNative=true -p:UseAppHost=false -o /app src/Serving.Server
COPY --from=native /native/libserving_cpu.so /app/

FROM mcr.microsoft.com/dotnet/aspnet:${DOTNET} AS daemon
WORKDIR /app
COPY --from=publish /app ./
# A volume mounted here for the first time takes over the bundled adapters.
COPY --from=publish --chown=10001:10001 /src/config/models/demo/adapters/ /adapters/
# Probes, not a HEALTHCHECK, watch the daemon. It opens no diagnostics socket, and not the port that the base image names.
ENV DOTNET_EnableDiagnostics=0 \
    ASPNETCORE_HTTP_PORTS= \
    HOME=/tmp \
    SERVING_SERVER__HOST=* \
    SERVING_SERVER__PORT=8000 \
    SERVING_GRPC__PORT=8001 \
    SERVING_MODEL__ADAPTERS=/adapters
USER 10001:10001
EXPOSE 8000 8001
STOPSIGNAL SIGTERM
ENTRYPOINT ["dotnet", "Serving.Server.dll"]

# By the names under which they are loaded, whatever links the image has there.
FROM nvidia/cuda:${CUDA}-runtime-ubuntu24.04 AS nvidia
RUN mkdir /libraries && cp -L /usr/local/cuda/lib64/libcublasLt.so.12 /usr/lib/x86_64-linux-gnu/libnccl.so.2 /libraries/

FROM daemon AS cuda
COPY --from=ptx /ptx/serving_kernels.ptx /ptx/serving_hopper.ptx /app/
COPY --from=nvidia /libraries/ /usr/lib/x86_64-linux-gnu/
# What the NVIDIA runtime mounts of the driver. Which GPUs, a container must ask for: without NVIDIA_VISIBLE_DEVICES here, one that asks for none gets none.
ENV NVIDIA_DRIVER_CAPABILITIES=compute,utility

# Last, so that it is what a build without a target makes.
FROM daemon AS runtime
