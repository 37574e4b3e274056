# The daemon as an image: native kernels, the published program with the bundled model, the ASP.NET runtime without root.
# It listens on ports 8000 and 8001 (gRPC) on every address, and so wants a key: SERVING_TENANCY__API_KEY, or a file of tenants.
ARG DOTNET=10.0

# The SDK and runtime images of one version share a distribution: the library meets the C library that it was linked with.
FROM mcr.microsoft.com/dotnet/sdk:${DOTNET} AS native
RUN apt-get update \
    && apt-get install -y --no-install-recommends cmake g++ make \
    && rm -rf /var/lib/apt/lists/*
COPY native/ /src/native/
RUN sh /src/native/build.sh /native

FROM mcr.microsoft.com/dotnet/sdk:${DOTNET} AS publish
ENV DOTNET_CLI_TELEMETRY_OPTOUT=1
WORKDIR /src
COPY global.json Directory.Build.props Directory.Packages.props ./
COPY src/ src/
COPY config/ config/
RUN dotnet publish -c Release -p:SkipNative=true -p:UseAppHost=false -o /app src/Serving.Server
COPY --from=native /native/libserving_cpu.so /app/

FROM mcr.microsoft.com/dotnet/aspnet:${DOTNET} AS runtime
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
