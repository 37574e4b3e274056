using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Serving.Testing;

namespace Serving.EndToEnd.Tests.Deployment;

/// <summary>The Dockerfile, the compose file and the Kubernetes base describe one image.</summary>
public sealed partial class ImageTests
{
    private static readonly ImageFile Image = ImageFile.Of();

    private static YamlFile Compose => YamlFile.Read("docker-compose.yml")["services/serving"];

    [Fact]
    public void Name_EverywhereWritten_IsOneVersion()
    {
        var version = XDocument.Load(Repository.PathOf("Directory.Build.props")).Descendants("Version").Single().Value;

        Assert.Equal($"serving:{version}", Compose["image"].Text);
        Assert.Equal("serving", KubernetesBase.Container["image"].Text);
        Assert.Equal("serving", KubernetesBase.Kustomization["images/0/name"].Text);
        Assert.Equal(version, KubernetesBase.Kustomization["images/0/newTag"].Text);
    }

    [Fact]
    public void User_EverywhereWritten_IsTheSameAndNotRoot()
    {
        var security = KubernetesBase.Pod["securityContext"];

        Assert.Equal("10001:10001", Image.Last("USER"));
        Assert.Equal(Image.Last("USER"), $"{security["runAsUser"].Text}:{security["runAsGroup"].Text}");
        Assert.Contains(Image.All("COPY"), copy => copy.Contains($"--chown={Image.Last("USER")}", StringComparison.Ordinal) && copy.EndsWith(" /adapters/", StringComparison.Ordinal));
    }

    [Fact]
    public void Port_EverywhereWritten_IsTheSame()
    {
        var ports = Image.Last("EXPOSE").Split(' ');

        Assert.Equal(ports, new[] { "SERVING_SERVER__PORT", "SERVING_GRPC__PORT" }.Select(name => Image.Environment[name]));
        Assert.Equal(ports.Select(port => $"127.0.0.1:{port}:{port}"), Compose["ports"].Items.Select(item => item.Text));
        Assert.Equal(ports, KubernetesBase.Container["ports"].Items.Select(item => item["containerPort"].Text));
    }

    [Fact]
    public void EntryPoint_IsTheDaemonsAssembly()
    {
        var command = JsonSerializer.Deserialize<string[]>(Image.Last("ENTRYPOINT"))!;

        Assert.Equal(["dotnet", "Serving.Server.dll"], command);
        Assert.True(File.Exists(Repository.PathOf("src", "Serving.Server", Path.ChangeExtension(command[1], ".csproj"))));
        Assert.Contains(ImageFile.Of("publish").All("RUN"), run => run.StartsWith("dotnet publish", StringComparison.Ordinal) && run.EndsWith("src/Serving.Server", StringComparison.Ordinal));
    }

    [Fact]
    public void RuntimeImage_IsTheProjectsFramework()
    {
        var framework = XDocument.Load(Repository.PathOf("Directory.Build.props")).Descendants("TargetFramework").Single().Value;

        Assert.Contains($"DOTNET={framework["net".Length..]}", ImageFile.Whole.All("ARG"));
        Assert.Equal("mcr.microsoft.com/dotnet/aspnet:${DOTNET}", Image.Base);
        Assert.Equal("0", Image.Environment["DOTNET_EnableDiagnostics"]);
        Assert.Empty(Image.All("HEALTHCHECK"));
    }

    [Fact]
    public void NativeLibrary_OfItsOwnStage_HasTheNameThatTheLoaderLooksFor()
    {
        var published = ImageFile.Of("publish");
        var copy = Assert.Single(published.Copies, c => c.Stage == "native");

        Assert.Equal(["/native/libserving_cpu.so"], copy.Paths);
        Assert.Equal("/app/", copy.Place);
        Assert.Contains("libserving_cpu.so", File.ReadAllText(Repository.PathOf("native", "build.sh")), StringComparison.Ordinal);
        Assert.Contains(ImageFile.Of("native").All("RUN"), run => run == "sh /src/native/build.sh /native");
        Assert.Contains(Image.Copies, c => c.Stage == "publish" && c.Paths is ["/app"]);
    }

    [Fact]
    public void BuildContext_HoldsWhatIsCopied()
    {
        var kept = File.ReadAllLines(Repository.PathOf(".dockerignore")).Where(line => line.StartsWith('!')).Select(line => line[1..]).ToArray();

        Assert.NotEmpty(ImageFile.Whole.Sources);
        Assert.All(ImageFile.Whole.Sources, source =>
        {
            var top = source.Split('/')[0];
            Assert.Contains(top, kept);
            Assert.True(Path.Exists(Repository.PathOf(top)), $"{top} is copied and is not there");
        });
    }

    [Fact]
    public void Compose_RunsReadOnlyWithAKeyFromTheEnvironment()
    {
        var environment = Compose["environment"].Texts;

        Assert.Equal("true", Compose["read_only"].Text);
        Assert.StartsWith("/tmp", Assert.Single(Compose["tmpfs"].Items).Text, StringComparison.Ordinal);
        Assert.StartsWith("${SERVING_API_KEY:?", environment["SERVING_TENANCY__API_KEY"], StringComparison.Ordinal);
        Assert.Equal($"adapters:{Image.Environment["SERVING_MODEL__ADAPTERS"]}", Assert.Single(Compose["volumes"].Items).Text);
        Assert.Equal("ALL", Assert.Single(Compose["cap_drop"].Items).Text);
    }

    [Fact]
    public void Variables_OfTheDaemon_HaveTheDocumentedForm()
    {
        var names = Image.Environment.Keys
            .Concat(Compose["environment"].Texts.Keys)
            .Concat(CudaImageTests.Compose["environment"].Texts.Keys)
            .Concat(KubernetesBase.Container["env"].Items.Select(e => e["name"].Text))
            .Where(name => name.StartsWith("SERVING_", StringComparison.Ordinal))
            .ToArray();

        Assert.NotEmpty(names);
        Assert.All(names, name => Assert.Matches(Variable(), name));
    }

    [GeneratedRegex("^SERVING_[A-Z0-9]+__[A-Z0-9_]+$")]
    private static partial Regex Variable();
}
