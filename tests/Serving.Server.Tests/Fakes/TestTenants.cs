using System.Security.Cryptography;
using System.Text;
using Serving.Server.Configuration;

namespace Serving.Server.Tests.Fakes;

/// <summary>Four tenants in a file of their own: three ordinary ones and an admin, each with the key "key-ID".</summary>
internal sealed class TestTenants : IDisposable
{
    public static readonly string[] Ids = ["one", "two", "three", "ops"];

    public string Path { get; } = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"tenants-{Guid.NewGuid():n}.json");

    public TestTenants() => Write(Ids);

    /// <summary>Options that use the file.</summary>
    public ServingOptions Options()
    {
        var options = new ServingOptions();
        options.Tenancy.Tenants = Path;
        options.Tenancy.Secret = "a secret of the tests";
        return options;
    }

    public static string KeyOf(string id) => $"key-{id}";

    public void Write(params string[] ids) => File.WriteAllText(Path, $$"""
        { "tenants": [ {{string.Join(",\n", ids.Select(Entry))}} ] }
        """);

    public void Dispose() => File.Delete(Path);

    private static string Entry(string id)
    {
        var digest = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(KeyOf(id))));
        return $$"""{ "id": "{{id}}", "keys": ["{{digest}}"], "role": "{{(id == "ops" ? "admin" : "tenant")}}" }""";
    }
}
