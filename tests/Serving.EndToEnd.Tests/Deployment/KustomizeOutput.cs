using Serving.Testing;
using YamlDotNet.RepresentationModel;

namespace Serving.EndToEnd.Tests.Deployment;

/// <summary>What kustomize makes of a folder of deploy/kubernetes.</summary>
internal sealed class KustomizeOutput
{
    private KustomizeOutput(IReadOnlyList<YamlFile> objects) => Objects = objects;

    /// <summary>Every object.</summary>
    public IReadOnlyList<YamlFile> Objects { get; }

    /// <summary>The daemon's deployment.</summary>
    public YamlFile Deployment => Named("Deployment", "serving");

    /// <summary>The daemon's container.</summary>
    public YamlFile Container => Assert.Single(Deployment["spec/template/spec/containers"].Items);

    /// <summary>Builds an overlay; skips the calling test where there is no kubectl.</summary>
    public static async Task<KustomizeOutput> BuildAsync(string overlay)
    {
        var kubectl = Tool.RequireIfThere("kubectl");
        var (code, output) = await Tool.RunAsync(kubectl, Repository.PathOf("deploy", "kubernetes", "overlays"), "kustomize", overlay);
        Assert.True(code == 0, output);
        var stream = new YamlStream();
        using var reader = new StringReader(output);
        stream.Load(reader);
        return new KustomizeOutput([.. stream.Documents.Select(document => new YamlFile(document.RootNode))]);
    }

    /// <summary>The object of a kind and name.</summary>
    public YamlFile Named(string kind, string name) => Assert.Single(Objects, item => item["kind"].Text == kind && item["metadata/name"].Text == name);

    /// <summary>All of a kind.</summary>
    public IEnumerable<YamlFile> Of(string kind) => Objects.Where(item => item["kind"].Text == kind);
}
