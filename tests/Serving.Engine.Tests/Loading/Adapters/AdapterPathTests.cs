using System.Text;
using Serving.Compute.Programs;
using Serving.Engine.Loading.Adapters;
using Serving.Engine.Models;
using Serving.Testing;
using Serving.Testing.Adapters;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Loading.Adapters;

/// <summary>
/// Names, tenants and paths of an attacker against a disk on which everything outside would open if it were reached: a good adapter lies beside
/// the root, in another tenant's folder, and behind links of every kind.
/// </summary>
public sealed class AdapterPathTests : IDisposable
{
    private static readonly AdapterDimensions Tiny = new(1, 64, 96, 64, 32);
    private static readonly ModelProgram Program = MakeProgram();

    private readonly TemporaryFolder _folder = new();
    private readonly AdapterStore _store;

    public AdapterPathTests()
    {
        Write("outside/x");
        Write("root/victim/secret");
        Write("root/shared");
        Directory.CreateDirectory(_folder.PathOf("root", "attacker"));
        _store = new AdapterStore(new AdapterStoreOptions { Root = _folder.PathOf("root"), BaseName = "base", Architecture = "LlamaForCausalLM", Program = Program, PreparedBytes = FakeAdapter.BytesOf, Prepare = (weights, _) => new FakeAdapter(weights) });
    }

    public static IEnumerable<string> HostileNames()
    {
        string[] targets = ["outside/x", "victim/secret", "../outside/x", "../victim/secret", "etc/passwd", "secret", "x"];
        string[] ups = ["../", "..\\", "%2e%2e/", "%2e%2e%2f", "..%2f", "%252e%252e%252f", "..%c0%af", "..;/", "....//", "./../", "..//", "\u2025/", "\uff0e\uff0e/", ".. /", "..\0/", "..\u2215", "..\u2044"];
        foreach (var up in ups)
        {
            foreach (var target in targets)
            {
                yield return up + target;
                yield return up + up + target;
                yield return "./" + up + target;
            }
        }

        foreach (var start in new[] { "/", "//", "\\\\", "file://", "file:///", "C:\\", "c:/", "\\\\?\\", "~/", "~root/", "$HOME/", "%USERPROFILE%\\", "http://localhost/", "hf://", "\0", " ", "\t", "-" })
        {
            foreach (var target in targets)
            {
                yield return start + target;
            }
        }

        foreach (var name in new[]
        {
            "", ".", "..", "...", " ", "\0", "\n", "a\0", "a\nb", "a/", "/a", "a//b", "a\\b", ".hidden", "-dash", "_under", "a,b", "a:b", "a|b", "a*", "a?", "a<b", "a>b", "a\"b", "a'b", "a;b", "a&b",
            "a$b", "a`b", "a b", "a%b", "a#b", "a@b", "a!b", "a(b", "a)b", "a[b", "a{b", "a=b", "a+b", "CON", "con", "Nul", "NUL.txt", "com1", "LPT9.bin", "aux", "prn", "a.", "a..",
            "\u00e9", "\u0430dapter", "a\u202eb", "a\u200bb", "\ud83d\ude00", "\ud800", "shared\u0000", "shared/", "shared/.", "./shared", "shared/../shared", "SHARED ", "shared%00", "victim/secret", "victim\\secret",
            "attacker/../victim/secret", new string('a', 129), new string('a', 100_000), string.Concat(Enumerable.Repeat("../", 5000)), "shared/adapter_config.json", "proc/self/root",
            "/proc/self/root/etc/passwd", "/dev/zero", "/dev/stdin", "/proc/self/environ",
        })
        {
            yield return name;
        }
    }

    [Fact]
    public async Task HostileNames_AsNameTenantAndPath_OpenNothing()
    {
        var corpus = HostileNames().Distinct().ToList();
        Assert.True(corpus.Count >= 300, $"{corpus.Count} names");
        foreach (var name in corpus)
        {
            Assert.True((await OpenAsync("attacker", name)).IsUnknown, name);
            Assert.Null(await _store.FindAsync("attacker", name));
            Assert.True((await OpenAsync(name, "secret")).IsUnknown, name);
            Assert.True((await _store.OpenAsync(new AdapterHandle(name, "secret"))).IsUnknown, name);
            Assert.False(await _store.AddAsync(new AdapterHandle("attacker", name)), name);
            Assert.False(await _store.AddAsync(new AdapterHandle("attacker", "mine"), name), name);
            Assert.False(await _store.AddAsync(new AdapterHandle(name, "mine"), "secret"), name);
        }

        Assert.NotNull((await OpenAsync("attacker", "shared")).Adapter);
        Assert.NotNull((await OpenAsync("victim", "secret")).Adapter);
        Assert.Equal(["shared"], (await _store.HandlesAsync("attacker")).Select(handle => handle.Name));
    }

    [Theory]
    [InlineData("../../outside/x", false)]
    [InlineData("../victim/secret", false)]
    [InlineData("../shared", false)]
    [InlineData("loop", false)]
    [InlineData("real", true)]
    public async Task Links_OutOfTheTenantsFolder_AreNotFollowed(string target, bool opens)
    {
        Write("root/attacker/real");
        Directory.CreateSymbolicLink(_folder.PathOf("root", "attacker", "loop"), "loop");
        Directory.CreateSymbolicLink(_folder.PathOf("root", "attacker", "link"), target);
        Assert.Equal(opens, (await OpenAsync("attacker", "link")).Adapter is not null);
        Assert.Equal(opens, await _store.AddAsync(new AdapterHandle("attacker", "mine"), "link"));
    }

    [Fact]
    public async Task Links_FromTheSharedFolder_MayLeadAnywhereInsideTheRootOnly()
    {
        Directory.CreateSymbolicLink(_folder.PathOf("root", "inside"), "victim/secret");
        Directory.CreateSymbolicLink(_folder.PathOf("root", "out"), _folder.PathOf("outside", "x"));
        Directory.CreateSymbolicLink(_folder.PathOf("root", "ghost"), _folder.PathOf("outside"));
        Assert.NotNull((await OpenAsync("attacker", "inside")).Adapter);
        Assert.True((await OpenAsync("attacker", "out")).IsUnknown);
        Assert.True((await OpenAsync("ghost", "x")).IsUnknown);
        Assert.DoesNotContain("out", (await _store.HandlesAsync("attacker")).Select(handle => handle.Name));
    }

    [Theory]
    [InlineData("adapter_config.json")]
    [InlineData("adapter_model.safetensors")]
    public async Task Links_OfOneFileOutside_AreNotRead(string file)
    {
        Write("root/attacker/real");
        File.Delete(_folder.PathOf("root", "attacker", "real", file));
        File.CreateSymbolicLink(_folder.PathOf("root", "attacker", "real", file), _folder.PathOf("outside", "x", file));
        var outcome = await OpenAsync("attacker", "real");
        Assert.Null(outcome.Adapter);
        Assert.DoesNotContain(_folder.Path, outcome.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Links_OfFilesInside_AreRead()
    {
        Write("root/attacker/real");
        Directory.CreateDirectory(_folder.PathOf("root", "attacker", "linked"));
        foreach (var file in new[] { "adapter_config.json", "adapter_model.safetensors" })
        {
            File.CreateSymbolicLink(_folder.PathOf("root", "attacker", "linked", file), Path.Combine("..", "real", file));
        }

        Assert.Equal((await OpenAsync("attacker", "real")).Adapter!.Digest, (await OpenAsync("attacker", "linked")).Adapter!.Digest);
    }

    [Fact]
    public async Task Device_AsWeights_IsNeverOpened()
    {
        Write("root/attacker/real");
        Repository.Requires(File.Exists("/dev/zero"), "this system has no /dev/zero");
        File.Delete(_folder.PathOf("root", "attacker", "real", "adapter_model.safetensors"));
        File.CreateSymbolicLink(_folder.PathOf("root", "attacker", "real", "adapter_model.safetensors"), "/dev/zero");
        Assert.Null((await OpenAsync("attacker", "real")).Adapter);
    }

    public void Dispose() => _folder.Dispose();

    private async Task<AdapterLoadOutcome> OpenAsync(string tenant, string name) => (await _store.OpenAsync(tenant, name)).Outcome;

    private static ModelProgram MakeProgram()
    {
        var config = new TinyModel("LlamaForCausalLM").Config;
        config["num_hidden_layers"] = 1;
        return ModelRegistry.Build("tiny", ModelConfig.Parse(Encoding.UTF8.GetBytes(config.ToJsonString())), 4);
    }

    private void Write(string path) => AdapterGenerator.Write(_folder.PathOf(path.Split('/')), Tiny, 1, rank: 2, targets: ["q_proj"]);
}
