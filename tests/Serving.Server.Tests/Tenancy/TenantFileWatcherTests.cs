using Serving.Server.Tests.Fakes;

namespace Serving.Server.Tests.Tenancy;

public sealed class TenantFileWatcherTests
{
    [Fact]
    public async Task Change_OfTheFile_IsTakenOverAndABadOneIsNot()
    {
        using var tenants = new TestTenants();
        var options = tenants.Options();
        options.Tenancy.ReloadInterval = 1;
        await using var daemon = await TestDaemon.StartAsync(options);
        Assert.Equal(200, (await daemon.GetAsync("/v1/models", "key-one")).Code);

        tenants.Write("two", "brand-new");
        while ((await daemon.GetAsync("/v1/models", "key-brand-new")).Code != 200)
        {
            await Task.Yield();
        }

        Assert.Equal(401, (await daemon.GetAsync("/v1/models", "key-one")).Code);

        File.WriteAllText(tenants.Path, "{ \"tenants\": 7 }");
        while (daemon.Errors.Count == 0)
        {
            await Task.Yield();
        }

        Assert.Contains("stay in force", Assert.Single(daemon.Errors), StringComparison.Ordinal);
        Assert.Equal(200, (await daemon.GetAsync("/v1/models", "key-brand-new")).Code);
    }
}
