using System.Xml.Linq;
using Serving.Testing;

namespace Serving.EndToEnd.Tests.Deployment;

/// <summary>The image with CUDA kernels is the other one and what a GPU needs; compose and Kubernetes ask for it where they ask for a GPU.</summary>
public sealed class CudaImageTests
{
    private static readonly ImageFile Plain = ImageFile.Of();
    private static readonly ImageFile Cuda = ImageFile.Of("cuda");

    /// <summary>The daemon's service of the compose file for a GPU.</summary>
    internal static YamlFile Compose => YamlFile.Read("deploy", "compose", "gpu.yml")["services/serving"];

    private static string Name => $"serving:{XDocument.Load(Repository.PathOf("Directory.Build.props")).Descendants("Version").Single().Value}-cuda";

    [Fact]
    public void Image_BesideThePlainOne_HasItsUserPortsAndEntryPoint()
    {
        Assert.Equal(Plain.Base, Cuda.Base);
        Assert.All(new[] { "USER", "EXPOSE", "ENTRYPOINT", "STOPSIGNAL", "WORKDIR" }, name => Assert.Equal(Plain.All(name), Cuda.All(name)));
        Assert.Empty(Plain.All("ENV").Except(Cuda.All("ENV")));
        Assert.Empty(Plain.All("COPY").Except(Cuda.All("COPY")));
    }

    [Fact]
    public void Driver_IsTheRuntimes_AndGpusAreNotTakenUnasked()
    {
        Assert.Equal("compute,utility", Cuda.Environment["NVIDIA_DRIVER_CAPABILITIES"]);
        Assert.DoesNotContain("NVIDIA_VISIBLE_DEVICES", Cuda.Environment.Keys);
        Assert.DoesNotContain("NVIDIA_DRIVER_CAPABILITIES", Plain.Environment.Keys);
    }

    [Fact]
    public void Kernels_OfTheirOwnStage_AreTheFilesThatTheBackendReads()
    {
        var copy = Assert.Single(Cuda.Copies, c => c.Stage == "ptx");
        var source = File.ReadAllText(Repository.PathOf("src", "Serving.Compute", "Cuda", "KernelImage.cs"));
        var script = File.ReadAllText(Repository.PathOf("native", "cuda", "build_ptx.sh"));

        Assert.Equal("/app/", copy.Place);
        Assert.Equal(2, copy.Paths.Length);
        Assert.All(copy.Paths, path => Assert.Contains($"\"{Path.GetFileName(path)}\"", source, StringComparison.Ordinal));
        Assert.All(copy.Paths, path => Assert.Contains(Path.GetFileNameWithoutExtension(path), script, StringComparison.Ordinal));
        Assert.Contains(ImageFile.Of("ptx").All("RUN"), run => run == "sh /src/native/cuda/build_ptx.sh /ptx");
        Assert.Contains(ImageFile.Of("ptx").All("RUN"), run => run.Contains("install -y --no-install-recommends clang-19", StringComparison.Ordinal));
        Assert.DoesNotContain(Plain.Copies, c => c.Stage is "ptx" or "nvidia");
    }

    [Fact]
    public void Libraries_OfNvidia_HaveTheNamesThatAreLoaded()
    {
        var source = File.ReadAllText(Repository.PathOf("src", "Serving.Compute", "Cuda", "Driver", "CudaLibraries.cs"));
        var copied = Assert.Single(ImageFile.Of("nvidia").All("RUN")).Split("cp -L ")[1].Split(' ')[..^1].Select(path => Path.GetFileName(path)!).ToList();

        Assert.Contains("/usr/lib/x86_64-linux-gnu/", Cuda.Copies.Where(c => c.Stage == "nvidia").Select(c => c.Place));
        Assert.Equal(["libcublasLt.so.12", "libnccl.so.2"], copied);
        Assert.All(copied, name => Assert.Contains($"\"{name}\"", source, StringComparison.Ordinal));
    }

    [Fact]
    public void Build_WithoutATarget_MakesTheImageForCpus() => Assert.Equal("daemon AS runtime", ImageFile.Whole.Last("FROM"));

    [Fact]
    public void Compose_ForAGpu_BuildsTheTargetAndAsksForOne()
    {
        var device = Assert.Single(Compose["deploy/resources/reservations/devices"].Items);

        Assert.Equal("cuda", Compose["build/target"].Text);
        Assert.Equal(Name, Compose["image"].Text);
        Assert.Equal("cuda", Compose["environment"].Texts["SERVING_ENGINE__DEVICE"]);
        Assert.Equal("nvidia", device["driver"].Text);
        Assert.Equal("gpu", Assert.Single(device["capabilities"].Items).Text);
        Assert.All(new[] { "read_only", "cap_drop", "security_opt", "tmpfs", "user", "privileged" }, key => Assert.False(Compose.Has(key), $"{key} is the other file's"));
    }

    [Fact]
    public async Task Overlay_ForAGpu_RunsThisImageAndAsksForOne()
    {
        var built = await KustomizeOutput.BuildAsync("gpu");

        Assert.Equal(Name, built.Container["image"].Text);
        Assert.Equal("1", built.Container["resources/limits"].Texts["nvidia.com/gpu"]);
        Assert.Equal("true", built.Container["securityContext/readOnlyRootFilesystem"].Text);
    }
}
