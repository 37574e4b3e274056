using Serving.Server.Tests.Fakes;

namespace Serving.Server.Tests.Tenancy;

/// <summary>Four tenants, four adapters, every route that names one: each sees its own and the shared, and another's is as good as not there.</summary>
public sealed class TenantMatrixTests
{
    private static readonly (string Name, string? Owner)[] Adapters = [("of-one", "one"), ("of-two", "two"), ("of-ops", "ops"), ("shared", null)];

    private static readonly (string Method, string Path, string Body)[] Routes =
    [
        ("POST", "/v1/chat/completions", """{"model":"MODEL","messages":[{"role":"user","content":"x"}]}"""),
        ("POST", "/v1/chat/completions", """{"model":"MODEL","stream":true,"messages":[{"role":"user","content":"x"}]}"""),
        ("POST", "/v1/messages", """{"model":"MODEL","max_tokens":5,"messages":[{"role":"user","content":"x"}]}"""),
        ("POST", "/v1/messages/count_tokens", """{"model":"MODEL","messages":[{"role":"user","content":"x"}]}"""),
        ("POST", "/v1/completions", """{"model":"MODEL","prompt":"x"}"""),
        ("POST", "/v1/embeddings", """{"model":"MODEL","input":"x"}"""),
        ("POST", "/v1/score", """{"model":"MODEL","text_1":"x","text_2":"y"}"""),
        ("POST", "/v1/rerank", """{"model":"MODEL","query":"x","documents":["y"]}"""),
        ("POST", "/tokenize", """{"model":"MODEL","prompt":"x"}"""),
        ("POST", "/detokenize", """{"model":"MODEL","tokens":[1]}"""),
        ("GET", "/v1/models/MODEL", ""),
    ];

    [Fact]
    public async Task Send_EveryTenantAdapterAndRoute_IsAnsweredByOwnership()
    {
        using var tenants = new TestTenants();
        await using var daemon = await TestDaemon.StartAsync(tenants.Options());
        daemon.Engine.Adapters.Clear();
        daemon.Engine.Adapters.AddRange(Adapters);
        daemon.Client.DefaultRequestHeaders.Add("x-request-id", "one"); // Some failures repeat it.

        foreach (var tenant in TestTenants.Ids)
        {
            foreach (var (name, owner) in Adapters)
            {
                foreach (var (method, path, body) in Routes)
                {
                    var answer = await SendAsync(daemon, tenant, method, path, body, name);
                    if (owner is null || owner == tenant)
                    {
                        Assert.True(answer.Code == 200, $"{tenant} {path} {name}: {answer.Code}");
                        continue;
                    }

                    // The same as for a name that nobody has, letter by letter.
                    var missing = await SendAsync(daemon, tenant, method, path, body, "missing");
                    Assert.Equal(404, answer.Code);
                    Assert.Equal(missing.Text.Replace("missing", "NAME", StringComparison.Ordinal), answer.Text.Replace(name, "NAME", StringComparison.Ordinal));
                }
            }
        }
    }

    [Fact]
    public async Task ListModels_EveryTenant_SeesItsOwnAndTheShared()
    {
        using var tenants = new TestTenants();
        await using var daemon = await TestDaemon.StartAsync(tenants.Options());
        daemon.Engine.Adapters.Clear();
        daemon.Engine.Adapters.AddRange(Adapters);

        foreach (var tenant in TestTenants.Ids)
        {
            var answer = await daemon.GetAsync("/v1/models", TestTenants.KeyOf(tenant));

            var names = answer.Json.GetProperty("data").EnumerateArray().Select(card => card.GetProperty("id").GetString());
            var expected = Adapters.Where(adapter => adapter.Owner is null || adapter.Owner == tenant).Select(adapter => adapter.Name).Order(StringComparer.Ordinal);
            Assert.Equal(["base", .. expected], names);
        }
    }

    [Fact]
    public async Task LoadAndUnload_ReachTheEngineWithTheCallersRole()
    {
        using var tenants = new TestTenants();
        await using var daemon = await TestDaemon.StartAsync(tenants.Options());
        daemon.Engine.Adapters.Clear();
        daemon.Engine.Adapters.AddRange(Adapters);

        var own = await daemon.PostAsync("/v1/load_lora_adapter", """{"lora_name":"of-one","lora_path":"of-one","load_inplace":true}""", "key-one");
        var others = await daemon.PostAsync("/v1/unload_lora_adapter", """{"lora_name":"of-two"}""", "key-one");
        var shared = await daemon.PostAsync("/v1/unload_lora_adapter", """{"lora_name":"shared"}""", "key-two");
        var byAdmin = await daemon.PostAsync("/v1/unload_lora_adapter", """{"lora_name":"shared","lora_int_id":3}""", "key-ops");

        Assert.Equal((200, "Success: LoRA adapter 'of-one' added successfully."), (own.Code, own.Text));
        Assert.Equal((404, 404), (others.Code, shared.Code));
        Assert.Equal((200, "Success: LoRA adapter 'shared' removed successfully."), (byAdmin.Code, byAdmin.Text));
        Assert.Equal(
            ["load one tenant of-one of-one True", "unload one tenant of-two", "unload two tenant shared", "unload ops admin shared"],
            daemon.Engine.AdapterCalls);
    }

    [Fact]
    public async Task Submit_EveryTenant_HasASaltOfItsOwnThatStays()
    {
        using var tenants = new TestTenants();
        await using var daemon = await TestDaemon.StartAsync(tenants.Options());

        foreach (var tenant in TestTenants.Ids)
        {
            await daemon.PostAsync("/v1/completions", """{"prompt":"x"}""", TestTenants.KeyOf(tenant));
            await daemon.PostAsync("/v1/completions", """{"prompt":"x"}""", TestTenants.KeyOf(tenant));
        }

        var salts = daemon.Engine.Requests.GroupBy(request => request.Request.Tenant.Id.Value, request => request.Request.Tenant.Salt);
        Assert.All(salts, own => Assert.Single(own.Distinct()));
        Assert.Equal(4, daemon.Engine.Requests.Select(request => request.Request.Tenant.Salt).Distinct().Count());
        Assert.DoesNotContain(daemon.Engine.Requests, request => request.Request.Tenant.Salt.IsNone);
    }

    private static Task<Answer> SendAsync(TestDaemon daemon, string tenant, string method, string path, string body, string model) => daemon.SendAsync(
        new HttpMethod(method),
        path.Replace("MODEL", model, StringComparison.Ordinal),
        method == "POST" ? body.Replace("MODEL", model, StringComparison.Ordinal) : null,
        TestTenants.KeyOf(tenant));
}
