using Serilog;
using Serving.Server.Configuration;
using Serving.Server.Grpc;
using Serving.Server.Grpc.Calls;
using Serving.Server.Hosting;
using Serving.Server.Http;
using Serving.Server.Tenancy;
using Spectre.Console;

namespace Serving.Server;

/// <summary>Puts the daemon together: services, then the order in which a request passes through them.</summary>
internal static class ServingApplication
{
    /// <summary>Builds the web application, which listens as soon as it is run and loads the model beside that.</summary>
    /// <param name="options">The configuration.</param>
    /// <param name="tenants">Who may use it.</param>
    /// <param name="starter">Starts the engine.</param>
    /// <param name="console">Where the start screen goes.</param>
    /// <param name="log">The log.</param>
    /// <param name="time">The clock.</param>
    /// <param name="handleSignals">Drain on SIGTERM and Ctrl-C.</param>
    public static WebApplication Build(ServingOptions options, TenantStore tenants, IEngineStarter starter, IAnsiConsole console, Serilog.ILogger log, TimeProvider time, bool handleSignals)
    {
        // An empty builder: nothing is read from appsettings, ASPNETCORE_ variables or the arguments; serving.json is the one configuration.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "Serving.Server" });
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => KestrelSetup.Apply(kestrel, options.Server, options.Grpc));
        builder.Logging.AddSerilog(log);
        builder.Services.AddRouting();
        builder.Services.AddSingleton(time);
        builder.Services.AddSingleton(console).AddSingleton<StartScreen>();
        builder.Services.AddHosting(options, starter).AddTenancy(tenants).AddMetering().AddTelemetry().AddEndpoints().AddGrpc();
        if (handleSignals)
        {
            builder.Services.AddSingleton<IHostLifetime, SignalLifetime>();
        }

        var app = builder.Build();
        app.UseMiddleware<RequestIds>();
        app.UseMiddleware<ErrorBodies>();
        app.UseMiddleware<GrpcStatuses>();
        app.UseRouting();
        app.UseAuthentication();
        app.UseAuthorization();
        app.MapServing();
        if (options.Grpc.Enabled)
        {
            app.MapGrpc();
        }

        return app;
    }
}
