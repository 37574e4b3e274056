using Serving.EndToEnd.Tests.Daemon;
using Serving.EndToEnd.Tests.Deployment.Observability;
using Serving.Testing;

namespace Serving.EndToEnd.Tests.Deployment;

/// <summary>Each overlay builds, names only what is there, and hands the daemon a configuration that it accepts.</summary>
public sealed class KustomizeOverlaysTests(EmittedMetrics emitted) : IClassFixture<EmittedMetrics>
{
    private static readonly string Overlays = Repository.PathOf("deploy", "kubernetes", "overlays");

    /// <summary>What whoever deploys makes: the README says so.</summary>
    private static readonly string[] GivenByOthers = ["serving-keys", "serving-model", "serving-adapters"];

    public static TheoryData<string> Names() => [.. Directory.EnumerateDirectories(Overlays).Select(Path.GetFileName).Select(name => name!).Order()];

    [Fact]
    public void Folder_HoldsTheOverlays() => Assert.Equal(["autoscaling", "gpu", "inference-gateway"], Names().Select(row => row.Data));

    [Fact]
    public void Components_Each_AreUsedOrNamedInTheReadme()
    {
        var used = string.Concat(Directory.EnumerateFiles(Overlays, "kustomization.yaml", SearchOption.AllDirectories).Select(File.ReadAllText)) + File.ReadAllText(Repository.PathOf("deploy", "README.md"));

        Assert.All(
            Directory.EnumerateDirectories(Repository.PathOf("deploy", "kubernetes", "components")),
            component => Assert.Contains($"components/{Path.GetFileName(component)}", used, StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task References_OfAnOverlay_ArePartsOfIt(string overlay)
    {
        var built = await KustomizeOutput.BuildAsync(overlay);
        var names = built.Objects.Select(item => item["metadata/name"].Text).Concat(GivenByOthers).ToHashSet();

        foreach (var deployment in built.Of("Deployment"))
        {
            var pod = deployment["spec/template/spec"];
            var volumes = pod["volumes"].Items.ToList();
            Assert.All(volumes.Where(volume => volume.Has("configMap")), volume => Assert.Contains(volume["configMap/name"].Text, names));
            Assert.All(volumes.Where(volume => volume.Has("persistentVolumeClaim")), volume => Assert.Contains(volume["persistentVolumeClaim/claimName"].Text, names));
            Assert.True(!pod.Has("serviceAccountName") || built.Of("ServiceAccount").Any(account => account["metadata/name"].Text == pod["serviceAccountName"].Text));
            var container = Assert.Single(pod["containers"].Items);
            Assert.Equal(volumes.Select(volume => volume["name"].Text).Order(), container["volumeMounts"].Items.Select(mount => mount["name"].Text).Order());
            Assert.All(container["env"].Items.Where(item => item.Has("valueFrom") && item["valueFrom"].Has("secretKeyRef")), item => Assert.Contains(item["valueFrom/secretKeyRef/name"].Text, names));
            Assert.Equal(container["env"].Items.Select(item => item["name"].Text).Distinct().Count(), container["env"].Items.Count());
        }

        foreach (var service in built.Of("Service"))
        {
            var target = Assert.Single(built.Of("Deployment"), deployment => Matches(service["spec/selector"], deployment["spec/template/metadata/labels"]));
            var ports = target["spec/template/spec/containers/0/ports"].Items.Select(port => port["name"].Text).ToList();
            Assert.All(service["spec/ports"].Items, port => Assert.Contains(port["targetPort"].Text, ports));
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task CheckConfig_FilesAndVariablesOfAnOverlay_AreAccepted(string overlay)
    {
        var built = await KustomizeOutput.BuildAsync(overlay);
        using var folder = new TemporaryFolder();
        foreach (var (name, text) in built.Named("ConfigMap", "serving")["data"].Texts)
        {
            await File.WriteAllTextAsync(folder.PathOf(name), text, TestContext.Current.CancellationToken);
        }

        var variables = built.Container["env"].Items.Where(item => item.Has("value") && item["name"].Text.StartsWith("SERVING_", StringComparison.Ordinal)).ToDictionary(item => item["name"].Text, item => item["value"].Text);
        variables["SERVING_TENANCY__API_KEY"] = "a key for this test";
        var (code, output) = await DaemonProcess.RunAsync(variables, [.. built.Container["args"].Items.Select(a => a.Text.Replace("/etc/serving", folder.Path, StringComparison.Ordinal)), "--check-config"]);

        Assert.True(code == 0, output);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task GracePeriod_OfAnOverlay_IsLongerThanPreStopAndDrain(string overlay)
    {
        var built = await KustomizeOutput.BuildAsync(overlay);
        var pod = built.Deployment["spec/template/spec"];
        var drain = KubernetesBase.Configuration.GetProperty("server").GetProperty("drain_timeout").GetInt32();

        Assert.Equal(KubernetesBase.Read("configmap.yaml")["data"].Texts["serving.json"], built.Named("ConfigMap", "serving")["data"].Texts["serving.json"]);
        Assert.True(pod["terminationGracePeriodSeconds"].Number > built.Container["lifecycle/preStop/sleep/seconds"].Number + drain);
    }

    [Fact]
    public async Task Gateway_PoolRouteAndPicker_FitThePodsAndTheirSchemas()
    {
        var built = await KustomizeOutput.BuildAsync("inference-gateway");
        var pool = built.Named("InferencePool", "serving");
        var picker = built.Named("Service", pool["spec/endpointPickerRef/name"].Text);

        Assert.True(Matches(pool["spec/selector/matchLabels"], built.Deployment["spec/template/metadata/labels"]));
        Assert.Contains(built.Container["ports"].Items, port => port["name"].Text == "http" && port["containerPort"].Text == Assert.Single(pool["spec/targetPorts"].Items)["number"].Text);
        Assert.Contains(picker["spec/ports"].Items, port => port["port"].Text == pool["spec/endpointPickerRef/port/number"].Text);
        Assert.Equal("serving", built.Named("HTTPRoute", "serving")["spec/rules/0/backendRefs/0/name"].Text);
        Assert.All(built.Of("InferenceObjective"), objective => Assert.Equal("serving", objective["spec/poolRef/name"].Text));
        var arguments = built.Named("Deployment", "serving-endpoint-picker")["spec/template/spec/containers/0/args"].Items.Select(item => item.Text).ToList();
        Assert.Contains("--pool-name=serving", arguments);
        Assert.Contains(built.Container["env"].Items, item => item["name"].Text == "SERVING_TELEMETRY__ADAPTER_NAMES" && item["value"].Text == "names");

        CustomResource.Check(pool, Repository.SharedData("k8s", "config", "crd", "bases", "inference.networking.k8s.io_inferencepools.yaml"), "v1");
        foreach (var objective in built.Of("InferenceObjective"))
        {
            CustomResource.Check(objective, Repository.SharedData("k8s", "history", "inference.networking.x-k8s.io_inferenceobjectives.yaml"), "v1alpha2");
        }
    }

    [Fact]
    public async Task Autoscaling_Queries_NameOnlyWhatIsEmitted()
    {
        var built = await KustomizeOutput.BuildAsync("autoscaling");
        var scaled = built.Named("ScaledObject", "serving");

        Assert.False(built.Deployment["spec"].Has("replicas"));
        Assert.Equal("serving", scaled["spec/scaleTargetRef/name"].Text);
        Assert.Equal(2, scaled["spec/triggers"].Items.Count());
        Assert.All(scaled["spec/triggers"].Items, trigger => Assert.Empty(emitted.Missing(trigger["metadata/query"].Text, AlertRules.Recorded)));
    }

    [Fact]
    public async Task Monitoring_MonitorAndRules_AreThoseOfPlainPrometheus()
    {
        var built = await KustomizeOutput.BuildAsync("autoscaling");
        var monitor = built.Named("PodMonitor", "serving");
        var rules = await File.ReadAllLinesAsync(Path.Combine(AlertRules.Folder, "rules.yml"), TestContext.Current.CancellationToken);
        var made = await File.ReadAllLinesAsync(Repository.PathOf("deploy", "kubernetes", "components", "monitoring", "prometheus-rule.yaml"), TestContext.Current.CancellationToken);

        Assert.Equal(rules.Select(line => line.Length == 0 ? "" : $"  {line}"), made.Skip(8));
        Assert.True(Matches(monitor["spec/selector/matchLabels"], built.Deployment["spec/template/metadata/labels"]));
        var ports = built.Container["ports"].Items.Select(port => port["name"].Text).ToList();
        Assert.All(monitor["spec/podMetricsEndpoints"].Items, endpoint => Assert.Contains(endpoint["port"].Text, ports));
        Assert.Equal(3, built.Named("ConfigMap", "serving-dashboards")["data"].Texts.Count);
    }

    private static bool Matches(YamlFile selector, YamlFile labels) => selector.Texts.All(pair => labels.Texts.TryGetValue(pair.Key, out var value) && value == pair.Value);
}
