using System.Security.Cryptography;
using System.Text;
using Serving.Testing;

namespace Serving.EndToEnd.Tests.Daemon;

/// <summary>A file of tenants, each with the key "key-of-ID" and limits that the test gives; "ops" is an admin without any.</summary>
internal sealed class TenantsFile : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public TenantsFile(params (string Id, string Limits)[] tenants) => Write(tenants);

    public string Path => _folder.PathOf("tenants.json");

    public static string KeyOf(string id) => $"key-of-{id}";

    /// <summary>Replaces the whole file at once, as an operator should.</summary>
    public void Write(params (string Id, string Limits)[] tenants)
    {
        var entries = tenants.Append((Id: "ops", Limits: "{}")).Select(tenant =>
            $$"""{"id": "{{tenant.Id}}", "role": "{{(tenant.Id == "ops" ? "admin" : "tenant")}}", "keys": ["{{DigestOf(KeyOf(tenant.Id))}}"], "limits": {{tenant.Limits}}}""");
        var next = _folder.PathOf("tenants.json.new");
        File.WriteAllText(next, $$"""{"tenants": [{{string.Join(",\n", entries)}}]}""");
        File.Move(next, Path, overwrite: true);
    }

    public void Dispose() => _folder.Dispose();

    private static string DigestOf(string key) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)));
}
