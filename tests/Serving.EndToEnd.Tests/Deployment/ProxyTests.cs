using Serving.Testing;

namespace Serving.EndToEnd.Tests.Deployment;

/// <summary>The samples of deploy/proxies are understood by their programs.</summary>
public sealed class ProxyTests
{
    private static readonly string Folder = Repository.PathOf("deploy", "proxies");

    [Fact]
    public async Task Check_BothSamples_AreUnderstood()
    {
        var (haproxy, nginx) = (Tool.Require("haproxy"), Tool.Require("nginx"));
        using var folder = new TemporaryFolder();

        var (code, output) = await Tool.RunAsync(haproxy, Folder, "-c", "-f", "haproxy.cfg");
        Assert.True(code == 0, output);
        (code, output) = await Tool.RunAsync(nginx, Folder, "-t", "-c", Path.Combine(Folder, "nginx.conf"), "-g", $"pid {folder.PathOf("pid")};");
        Assert.True(code == 0, output);
    }
}
