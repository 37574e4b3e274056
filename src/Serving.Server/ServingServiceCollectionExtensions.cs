using Microsoft.AspNetCore.Authorization;
using Serving.Server.Configuration;
using Serving.Server.Grpc;
using Serving.Server.Grpc.Calls;
using Serving.Server.Health;
using Serving.Server.Hosting;
using Serving.Server.Http;
using Serving.Server.Metering;
using Serving.Server.Responses;
using Serving.Server.Telemetry;
using Serving.Server.Tenancy;

namespace Serving.Server;

/// <summary>The services of each folder.</summary>
internal static class ServingServiceCollectionExtensions
{
    /// <summary>The engine and the process around it.</summary>
    public static IServiceCollection AddHosting(this IServiceCollection services, ServingOptions options, IEngineStarter starter)
    {
        services.AddSingleton(options);
        services.AddSingleton(starter);
        services.AddSingleton<EngineAccess>();
        services.AddSingleton<ListenAddresses>();
        services.AddSingleton<DrainCoordinator>();
        services.AddSingleton(SystemdSocket.FromEnvironment(Environment.GetEnvironmentVariables(), Environment.ProcessId));
        services.AddSingleton<SystemdNotifier>();
        services.AddHostedService(provider => provider.GetRequiredService<SystemdNotifier>());
        services.AddSingleton<EngineHost>();
        services.AddHostedService(provider => provider.GetRequiredService<EngineHost>());

        // Draining comes before the host's own shutdown, which only has to cut off what is left.
        services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(1));
        return services;
    }

    /// <summary>Who calls, and what is open to whom: nothing, unless a route says otherwise.</summary>
    public static IServiceCollection AddTenancy(this IServiceCollection services, TenantStore tenants)
    {
        services.AddSingleton(tenants);
        services.AddHostedService<TenantFileWatcher>();

        // The core alone: AddAuthentication would bring data protection and write key files for cookies that nobody sets.
        services.AddWebEncoders();
        services.AddTransient<ApiKeyAuthentication>();
        services.AddAuthenticationCore(authentication =>
        {
            authentication.AddScheme<ApiKeyAuthentication>(ApiKeyAuthentication.SchemeName, null);
            authentication.DefaultScheme = ApiKeyAuthentication.SchemeName;
        });
        var anyCaller = new AuthorizationPolicyBuilder(ApiKeyAuthentication.SchemeName).RequireAuthenticatedUser().Build();
        services.AddAuthorizationBuilder()
            .SetDefaultPolicy(anyCaller)
            .SetFallbackPolicy(anyCaller)
            .AddPolicy(ApiKeyAuthentication.AdminPolicy, policy => policy.RequireRole(ApiKeyAuthentication.AdminPolicy));
        return services;
    }

    /// <summary>Counters and metrics.</summary>
    public static IServiceCollection AddTelemetry(this IServiceCollection services) => services.AddSingleton<RequestCounters>().AddSingleton<MetricsPage>();

    /// <summary>What tenants used, written down.</summary>
    public static IServiceCollection AddMetering(this IServiceCollection services) => services.AddSingleton<UsageLedger>();

    /// <summary>The endpoints.</summary>
    public static IServiceCollection AddEndpoints(this IServiceCollection services) => services
        .AddApiDescription()
        .AddSingleton<DaemonHealth>()
        .AddSingleton<HealthEndpoints>()
        .AddSingleton<MetricsEndpoints>()
        .AddSingleton<StatusEndpoint>()
        .AddSingleton<RequestOpening>()
        .AddSingleton<ChatCompletionsEndpoint>()
        .AddSingleton(static provider => CreateResponseStore(provider.GetRequiredService<ServingOptions>(), provider.GetRequiredService<TimeProvider>()))
        .AddSingleton(static provider => new BackgroundResponses(provider.GetRequiredService<ServingOptions>().Server.MaxBackgroundResponses))
        .AddHostedService(static provider => provider.GetRequiredService<BackgroundResponses>())
        .AddSingleton<ResponsesEndpoint>()
        .AddSingleton<ConversationsEndpoint>()
        .AddSingleton<MessagesEndpoint>()
        .AddSingleton<CompletionsEndpoint>()
        .AddSingleton<EmbeddingsEndpoint>()
        .AddSingleton<ScoreEndpoint>()
        .AddSingleton<ModelsEndpoint>()
        .AddSingleton<TokenizeEndpoint>()
        .AddSingleton<DetokenizeEndpoint>()
        .AddSingleton<PromptSchemasEndpoint>()
        .AddSingleton<LoadAdapterEndpoint>()
        .AddSingleton<UnloadAdapterEndpoint>();

    /// <summary>The gRPC services.</summary>
    public static IServiceCollection AddGrpc(this IServiceCollection services) => services
        .AddSingleton<GrpcLimits>()
        .AddSingleton<InferenceService>()
        .AddSingleton<AdapterService>()
        .AddSingleton<HealthService>()
        .AddSingleton<ReflectionService>();

    private static ResponseStore CreateResponseStore(ServingOptions options, TimeProvider time) =>
        new(options.Server.ResponseStoreSize, TimeSpan.FromSeconds(options.Server.ResponseTtl), time);
}
