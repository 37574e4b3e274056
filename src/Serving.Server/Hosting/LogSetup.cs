using System.Globalization;
using Serilog;
using Serilog.Events;
using Serving.Server.Configuration;
using Serving.Server.Tenancy;

namespace Serving.Server.Hosting;

/// <summary>The log: lines on the console (standard error, so that standard output stays for people) and, if configured, a file per day.</summary>
internal static class LogSetup
{
    private const string Line = "{Timestamp:HH:mm:ss} {Level:u3} {Message:lj}{NewLine}{Exception}";

    /// <summary>Lines that wait to be written: some megabytes.</summary>
    private const int Waiting = 8192;

    /// <summary>How long the end of the process waits for a log that is not taken.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>Builds the log. Dispose it last: it writes out what it holds.</summary>
    public static Serilog.Core.Logger Create(TelemetryOptions options)
    {
        var level = Enum.Parse<LogEventLevel>(options.LogLevel, ignoreCase: true);
        return new LoggerConfiguration()
            .MinimumLevel.Is(level)
            .MinimumLevel.Override("Microsoft", level > LogEventLevel.Warning ? level : LogEventLevel.Warning)
            .MinimumLevel.Override("Microsoft.Extensions.Hosting.Internal.Host", LogEventLevel.Fatal)
            .MinimumLevel.Override(typeof(ApiKeyAuthentication).FullName!, level > LogEventLevel.Warning ? level : LogEventLevel.Warning) // A line for every request without a key would be anybody's to write.
            .WriteTo.Sink(new BackgroundSink(Places(options), Waiting, Patience))
            .CreateLogger();
    }

    private static Serilog.Core.Logger Places(TelemetryOptions options)
    {
        var configuration = new LoggerConfiguration().MinimumLevel.Verbose().WriteTo.Console(outputTemplate: Line, formatProvider: CultureInfo.InvariantCulture, standardErrorFromLevel: LogEventLevel.Verbose);
        if (options.LogFile is { } file)
        {
            configuration.WriteTo.File(file, outputTemplate: Line, formatProvider: CultureInfo.InvariantCulture, rollingInterval: RollingInterval.Day, retainedFileCountLimit: 14, fileSizeLimitBytes: 256 << 20);
        }

        return configuration.CreateLogger();
    }
}
