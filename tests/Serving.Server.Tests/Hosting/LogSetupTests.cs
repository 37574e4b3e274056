using Serilog.Core;
using Serilog.Events;
using Serving.Server.Configuration;
using Serving.Server.Hosting;
using Serving.Server.Tenancy;

namespace Serving.Server.Tests.Hosting;

public sealed class LogSetupTests
{
    /// <summary>ASP.NET Core notes every request without a valid key: lines that anybody could write.</summary>
    [Theory]
    [InlineData("debug")]
    [InlineData("information")]
    public void Create_RequestsWithoutAKey_WriteNoLines(string level)
    {
        using var log = LogSetup.Create(new TelemetryOptions { LogLevel = level });

        Assert.True(log.IsEnabled(LogEventLevel.Information));
        var challenges = log.ForContext(Constants.SourceContextPropertyName, typeof(ApiKeyAuthentication).FullName);
        Assert.Equal((false, true), (challenges.IsEnabled(LogEventLevel.Information), challenges.IsEnabled(LogEventLevel.Warning)));
    }
}
