using Serving.Engine.Loading;
using Serving.Engine.Models;
using Serving.Testing;

namespace Serving.Engine.Tests.Loading;

public sealed class ModelLocatorTests : IDisposable
{
    private const string Commit = "0123456789abcdef0123456789abcdef01234567";

    private readonly TemporaryFolder _folder = new();
    private readonly Dictionary<string, string> _environment = [];

    public ModelLocatorTests() => _environment["HOME"] = _folder.PathOf("home");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Locate_Folder_IsItself()
    {
        Assert.Equal(new ModelLocation(Repository.DemoModel, "model"), Locate(Repository.DemoModel + "/"));
    }

    [Theory]
    [InlineData("HF_HUB_CACHE", "x", "x")]
    [InlineData("HF_HOME", "y", "y/hub")]
    [InlineData("XDG_CACHE_HOME", "z", "z/huggingface/hub")]
    [InlineData("HOME", "home", "home/.cache/huggingface/hub")]
    public void Locate_RepositoryInTheCache_IsItsMainSnapshot(string variable, string value, string cache)
    {
        _environment[variable] = _folder.PathOf(value);
        var snapshot = MakeSnapshot(cache, Commit);
        MakeSnapshot(cache, "ffffffffffffffffffffffffffffffffffffffff");
        WriteReference(cache, Commit + "\n");
        Assert.Equal(new ModelLocation(snapshot, "org/name"), Locate("org/name"));
    }

    [Fact]
    public void Locate_OneSnapshotAndNoReference_IsThatOne()
    {
        var snapshot = MakeSnapshot("home/.cache/huggingface/hub", Commit);
        Assert.Equal(snapshot, Locate("org/name").Path);
    }

    [Fact]
    public void Locate_RepositoryOfGgufFiles_IsItsOnlyOne()
    {
        var snapshot = MakeSnapshot("home/.cache/huggingface/hub", Commit);
        File.Delete(Path.Combine(snapshot, "config.json"));
        Assert.Throws<ModelFormatException>(() => Locate("org/name"));
        File.WriteAllText(Path.Combine(snapshot, "model-q4_k_m.gguf"), "");
        Assert.Equal(new ModelLocation(Path.Combine(snapshot, "model-q4_k_m.gguf"), "org/name") { IsGguf = true }, Locate("org/name"));
        File.WriteAllText(Path.Combine(snapshot, "model-q8_0.gguf"), "");
        Assert.Contains("several GGUF files", Assert.Throws<ModelFormatException>(() => Locate("org/name")).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("../../../../outside")]
    [InlineData("/etc")]
    [InlineData("")]
    public void Locate_ReferenceThatIsNoCommit_IsNotFollowed(string reference)
    {
        MakeSnapshot("home/.cache/huggingface/hub", Commit);
        WriteReference("home/.cache/huggingface/hub", reference);
        Assert.Throws<ModelFormatException>(() => Locate("org/name"));
    }

    [Fact]
    public void Locate_NotInTheCache_SaysTheCommand()
    {
        var error = Assert.Throws<ModelFormatException>(() => Locate("org/name"));
        Assert.Contains("hf download org/name", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Locate_GgufFile_IsItselfAndSoIsTheOnlyOneOfAFolder()
    {
        Directory.CreateDirectory(_folder.PathOf("models"));
        var file = _folder.PathOf("models", "qwen2.5-0.5b-q4_k_m.gguf");
        File.WriteAllText(file, "");
        Assert.Equal(new ModelLocation(file, "qwen2.5-0.5b-q4_k_m") { IsGguf = true }, Locate(file));
        Assert.Equal(Locate(file), Locate(_folder.PathOf("models")));
        File.WriteAllText(_folder.PathOf("models", "other.gguf"), "");
        Assert.Contains("several GGUF files", Assert.Throws<ModelFormatException>(() => Locate(_folder.PathOf("models"))).Message, StringComparison.Ordinal);
        Assert.Contains("there is no file", Assert.Throws<ModelFormatException>(() => Locate("no.gguf")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Locate_PartsOfAGgufModel_AreTheFirst()
    {
        Directory.CreateDirectory(_folder.PathOf("models"));
        string[] files = [.. Enumerable.Range(1, 3).Select(number => _folder.PathOf("models", $"big-00{number:000}-of-00003.gguf"))];
        foreach (var file in files.Reverse())
        {
            File.WriteAllText(file, "");
        }

        Assert.Equal(new ModelLocation(files[0], "big") { IsGguf = true }, Locate(_folder.PathOf("models")));
        Assert.Equal(Locate(files[0]), Locate(_folder.PathOf("models")));
        File.WriteAllText(_folder.PathOf("models", "big-00001-of-00002.gguf"), "");
        Assert.Contains("several GGUF files", Assert.Throws<ModelFormatException>(() => Locate(_folder.PathOf("models"))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("no-such-folder")]
    [InlineData("/no/such/folder")]
    [InlineData("org/../name")]
    [InlineData("a/b/c")]
    public void Locate_NeitherFolderNorRepository_SaysSo(string model)
    {
        Assert.Contains("there is no folder", Assert.Throws<ModelFormatException>(() => Locate(model)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ModelFolder_WithoutConfig_SaysSo()
    {
        Assert.Contains("config.json is missing", Assert.Throws<ModelFormatException>(() => ModelFolder.Open(_folder.Path)).Message, StringComparison.Ordinal);
    }

    private ModelLocation Locate(string model) => ModelLocator.Locate(model, name => _environment.GetValueOrDefault(name));

    private string MakeSnapshot(string cache, string commit)
    {
        var folder = _folder.PathOf(cache, "models--org--name", "snapshots", commit);
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "config.json"), "{}");
        return folder;
    }

    private void WriteReference(string cache, string text)
    {
        Directory.CreateDirectory(_folder.PathOf(cache, "models--org--name", "refs"));
        File.WriteAllText(_folder.PathOf(cache, "models--org--name", "refs", "main"), text);
    }
}
