using Serving.Server.Configuration;
using Serving.Server.Tenancy;
using Serving.Server.Tests.Fakes;

namespace Serving.Server.Tests.Tenancy;

public sealed class TenantStoreTests
{
    [Fact]
    public void Create_NothingConfigured_IsOneAnonymousAdmin()
    {
        var directory = Create(new TenancyOptions()).Current;

        Assert.Equal(("anonymous", true), (directory.Anonymous!.Tenant.Id.Value, directory.Anonymous.IsAdmin));
        Assert.Null(directory.Find("anything"));
    }

    [Fact]
    public void Create_ApiKeys_AreOneAdminNamedDefault()
    {
        var directory = Create(new TenancyOptions { ApiKey = ["a", "b"] }).Current;

        Assert.Null(directory.Anonymous);
        Assert.Equal("default", directory.Find("a")!.Tenant.Id.Value);
        Assert.Same(directory.Find("a"), directory.Find("b"));
        Assert.True(directory.Find("a")!.IsAdmin);
        Assert.Null(directory.Find("c"));
        Assert.Null(directory.Find(""));
    }

    [Fact]
    public void Create_SecretsDiffer_SaltsDiffer()
    {
        var one = Create(new TenancyOptions { ApiKey = ["a"], Secret = "first" }).Current.Find("a")!;
        var same = Create(new TenancyOptions { ApiKey = ["a"], Secret = "first" }).Current.Find("a")!;
        var two = Create(new TenancyOptions { ApiKey = ["a"], Secret = "second" }).Current.Find("a")!;
        var drawn = Create(new TenancyOptions { ApiKey = ["a"] }).Current.Find("a")!;

        Assert.Equal(one.Tenant.Salt, same.Tenant.Salt);
        Assert.NotEqual(one.Tenant.Salt, two.Tenant.Salt);
        Assert.NotEqual(one.Tenant.Salt, drawn.Tenant.Salt);
    }

    [Fact]
    public void Reload_BadFile_KeepsTheTenantsBefore()
    {
        using var file = new TestTenants();
        var store = Create(file.Options().Tenancy);
        File.WriteAllText(file.Path, "{ \"tenants\": [ { \"id\": \"BAD ID\", \"rol\": \"x\" } ] }");

        var errors = store.Reload();

        Assert.NotEmpty(errors);
        Assert.NotNull(store.Current.Find("key-one"));
    }

    [Fact]
    public void Reload_GoodFile_TakesKeysAwayAndGivesThem()
    {
        using var file = new TestTenants();
        var store = Create(file.Options().Tenancy);
        file.Write("two", "new");

        Assert.Empty(store.Reload());

        Assert.Null(store.Current.Find("key-one"));
        Assert.NotNull(store.Current.Find("key-two"));
        Assert.NotNull(store.Current.Find("key-new"));
    }

    [Fact]
    public void Create_Rates_AreTheTenantsOwnElseTheConfiguredElseNone()
    {
        using var file = new TestTenants();
        var own = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData("own"u8));
        var free = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData("free"u8));
        File.WriteAllText(file.Path, $$"""
            { "tenants": [
              { "id": "own", "keys": ["{{own}}"], "limits": { "requests_per_minute": 7 } },
              { "id": "free", "keys": ["{{free}}"], "limits": { "requests_per_minute": 0, "tokens_per_minute": 0 } } ] }
            """);
        var directory = Create(new TenancyOptions { Tenants = file.Path, MaxTokensPerMinute = 9 }).Current;

        Assert.Equal((7L, 9L), (directory.Find("own")!.Tenant.Limits.RequestsPerMinute, directory.Find("own")!.Tenant.Limits.TokensPerMinute));
        Assert.Equal((null, null), (directory.Find("free")!.Tenant.Limits.RequestsPerMinute, directory.Find("free")!.Tenant.Limits.TokensPerMinute));
        Assert.Null(Create(new TenancyOptions { ApiKey = ["a"] }).Current.Find("a")!.Tenant.Limits.RequestsPerMinute);
    }

    [Theory]
    [InlineData("{", "line 1")]
    [InlineData("{\"tenants\":[{\"id\":\"a\",\"rol\":\"admin\"}]}", "$.tenants[0].rol")]
    [InlineData("{\"tenants\":[{\"id\":\"A\"}]}", "an id is")]
    [InlineData("{\"tenants\":[{\"id\":\"a\",\"role\":\"king\"}]}", "role is")]
    [InlineData("{\"tenants\":[{\"id\":\"a\",\"weight\":0}]}", "weight is")]
    [InlineData("{\"tenants\":[{\"id\":\"a\",\"keys\":[\"secret\"]}]}", "SHA-256")]
    [InlineData("{\"tenants\":[{\"id\":\"a\",\"keys\":null}]}", "$.tenants[0].keys")]
    [InlineData("{\"tenants\":[{\"id\":\"a\"},{\"id\":\"a\"}]}", "twice")]
    [InlineData("{\"tenants\":[{\"id\":\"a\",\"limits\":{\"concurrent_requests\":0}}]}", "limits")]
    [InlineData("{\"tenants\":[{\"id\":\"a\",\"limits\":{\"requests_per_minute\":-1}}]}", "limits per minute")]
    [InlineData("{\"tenants\":[{\"id\":\"a\",\"limits\":{\"tokens_per_minute\":1099511627777}}]}", "limits per minute")]
    [InlineData("{\"tenants\":[{\"id\":\"a\",\"limits\":{\"tokens_per_minute\":0.5}}]}", "tokens_per_minute")]
    public void Parse_WrongFile_SaysWhat(string content, string expected)
    {
        var errors = new List<string>();

        TenantFileParser.Parse(System.Text.Encoding.UTF8.GetBytes(content), errors);

        Assert.Contains(errors, error => error.Contains(expected, StringComparison.Ordinal));
    }

    [Fact]
    public void Parse_BundledFile_IsGood()
    {
        var errors = new List<string>();

        var file = TenantFileParser.Parse(File.ReadAllBytes(Testing.Repository.PathOf("config", "tenants.json")), errors);

        Assert.Empty(errors);
        Assert.Equal(2, file.Tenants.Count);
    }

    private static TenantStore Create(TenancyOptions options)
    {
        var errors = new List<string>();
        var store = TenantStore.Create(options, errors);
        Assert.Empty(errors);
        return store;
    }
}
