using Serving.Server.Configuration;
using Serving.Server.Hosting;
using Serving.Server.Tenancy;
using Spectre.Console;

namespace Serving.Server;

/// <summary>What the program does once its command line is understood.</summary>
internal static class Daemon
{
    /// <summary>Exit code of a configuration that is not good (EX_CONFIG of sysexits).</summary>
    public const int BadConfiguration = 78;

    /// <summary>Runs until stopped, or checks or prints the configuration if that was asked for.</summary>
    /// <returns>The exit code: 0 after an orderly stop, 1 when the model could not be served, 78 for a bad configuration.</returns>
    public static async Task<int> RunAsync(CommandLineRequest request)
    {
        var file = request.ConfigFile ?? BundledFiles.Find("serving.json");
        var (options, errors) = ConfigurationLoader.Load(file, Environment.GetEnvironmentVariables(), request.Flags);
        List<string> problems = [.. request.Errors, .. errors];
        var tenants = TenantStore.Create(options.Tenancy, problems);
        if (problems.Count > 0)
        {
            await Console.Error.WriteLineAsync($"The configuration is not good:\n  {string.Join("\n  ", problems)}");
            return BadConfiguration;
        }

        if (request.PrintConfig || request.CheckConfig)
        {
            await Console.Out.WriteAsync(request.PrintConfig ? ConfigurationTemplate.Render(options) : "The configuration is good.\n");
            return 0;
        }

        return await ServeAsync(options, tenants);
    }

    private static async Task<int> ServeAsync(ServingOptions options, TenantStore tenants)
    {
        await using var log = LogSetup.Create(options.Telemetry);
        if (tenants.Current.Anonymous is not null && !ServingOptionsValidator.IsLoopback(options.Server.Host))
        {
            log.Warning("Serving without keys on {Host}: whoever reaches this port may use it, and is an admin.", options.Server.Host);
        }

        await using var app = ServingApplication.Build(options, tenants, new EngineStarter(AnsiConsole.Console, TimeProvider.System, log), AnsiConsole.Console, log, TimeProvider.System, handleSignals: true);
        var engine = app.Services.GetRequiredService<EngineHost>();
        try
        {
            await app.RunAsync();
        }
        catch (IOException exception)
        {
            log.Fatal("Cannot listen: {Reason:l} (--port and --grpc-port choose others)", exception.Message);
            return 1;
        }

        return engine.Failed ? 1 : 0;
    }
}
