using System.Globalization;
using System.Text.Json;
using Serving.Testing;

namespace Serving.EndToEnd.Tests.Deployment;

/// <summary>The Kubernetes base agrees with itself, with the Dockerfile and with what it promises.</summary>
public sealed class KubernetesBaseTests
{
    [Fact]
    public void Kustomization_Resources_AreTheFilesOfTheFolder()
    {
        var files = Directory.EnumerateFiles(Repository.PathOf(KubernetesBase.Folder), "*.yaml").Select(Path.GetFileName).Where(file => file != "kustomization.yaml");

        Assert.Equal(files.Order(), KubernetesBase.Kustomization["resources"].Items.Select(item => item.Text).Order());
    }

    [Fact]
    public void Selectors_OfEveryResource_MatchThePodsLabels()
    {
        var labels = KubernetesBase.Deployment["spec/template/metadata/labels"].Texts;

        Assert.Equal(labels, KubernetesBase.Deployment["spec/selector/matchLabels"].Texts);
        Assert.Equal(labels, KubernetesBase.Read("service.yaml")["spec/selector"].Texts);
        Assert.Equal(labels, KubernetesBase.Read("disruption-budget.yaml")["spec/selector/matchLabels"].Texts);
        Assert.Equal(labels, KubernetesBase.Read("network-policy.yaml")["spec/podSelector/matchLabels"].Texts);
    }

    [Fact]
    public void Ports_OfEveryResource_AreTheDaemons()
    {
        int[] ports = [.. new[] { "server", "grpc" }.Select(section => KubernetesBase.Configuration.GetProperty(section).GetProperty("port").GetInt32())];
        string[] names = [.. KubernetesBase.Container["ports"].Items.Select(port => port["name"].Text)];

        Assert.Equal(ports, KubernetesBase.Container["ports"].Items.Select(port => port["containerPort"].Number));
        Assert.Equal(names, KubernetesBase.Read("service.yaml")["spec/ports"].Items.Select(port => port["targetPort"].Text));
        Assert.Equal("kubernetes.io/h2c", KubernetesBase.Read("service.yaml")["spec/ports/1/appProtocol"].Text);
        Assert.Equal(ports, KubernetesBase.Read("network-policy.yaml")["spec/ingress/0/ports"].Items.Select(port => port["port"].Number));
        Assert.All(Probes(), probe => Assert.Equal(names[0], probe["httpGet/port"].Text));
    }

    [Fact]
    public void Configuration_MountedFolder_HoldsTheFilesThatAreNamed()
    {
        var mount = Assert.Single(KubernetesBase.Container["volumeMounts"].Items, m => m["name"].Text == "config")["mountPath"].Text;
        var keys = KubernetesBase.Read("configmap.yaml")["data"].Texts;
        var arguments = KubernetesBase.Container["args"].Items.Select(a => a.Text).ToArray();
        var tenants = KubernetesBase.Configuration.GetProperty("tenancy").GetProperty("tenants").GetString()!;

        Assert.Equal(["--config", $"{mount}/serving.json"], arguments);
        Assert.Contains("serving.json", keys);
        Assert.Contains(tenants, keys);
        Assert.Equal(KubernetesBase.Read("configmap.yaml")["metadata/name"].Text, KubernetesBase.Pod["volumes/0/configMap/name"].Text);
    }

    [Fact]
    public void GracePeriod_IsLongerThanPreStopAndDrain()
    {
        var wait = KubernetesBase.Container["lifecycle/preStop/sleep/seconds"].Number;
        var drain = KubernetesBase.Configuration.GetProperty("server").GetProperty("drain_timeout").GetInt32();

        Assert.True(KubernetesBase.Pod["terminationGracePeriodSeconds"].Number > wait + drain);
    }

    [Fact]
    public void Pod_RunsWithoutPrivileges()
    {
        var (pod, container) = (KubernetesBase.Pod, KubernetesBase.Container["securityContext"]);

        Assert.Equal("false", pod["automountServiceAccountToken"].Text);
        Assert.Equal("true", pod["securityContext/runAsNonRoot"].Text);
        Assert.Equal("RuntimeDefault", pod["securityContext/seccompProfile/type"].Text);
        Assert.Equal("false", container["allowPrivilegeEscalation"].Text);
        Assert.Equal("true", container["readOnlyRootFilesystem"].Text);
        Assert.Equal("ALL", Assert.Single(container["capabilities/drop"].Items).Text);
    }

    [Fact]
    public void Memory_HoldsThePoolTheHeapAndTheParsedAdapters()
    {
        var engine = KubernetesBase.Configuration.GetProperty("engine");
        var heap = Assert.Single(KubernetesBase.Container["env"].Items, e => e["name"].Text == "DOTNET_GCHeapHardLimit")["value"].Text;
        var limit = Mebibytes(KubernetesBase.Container["resources/limits/memory"].Text);

        Assert.Equal(limit, Mebibytes(KubernetesBase.Container["resources/requests/memory"].Text));
        Assert.DoesNotContain("cpu", KubernetesBase.Container["resources/limits"].Texts);
        var heapMebibytes = long.Parse(heap, NumberStyles.HexNumber, CultureInfo.InvariantCulture) >> 20;
        Assert.True(Mebibytes(engine.GetProperty("pool_size").GetString()!) + heapMebibytes < limit);
        Assert.True(Mebibytes(engine.GetProperty("adapter_cache_size").GetString()!) + Mebibytes(engine.GetProperty("constraint_cache_size").GetString()!) < heapMebibytes / 2);
    }

    internal static IEnumerable<YamlFile> Probes() =>
        new[] { "startupProbe", "readinessProbe", "livenessProbe" }.Select(name => KubernetesBase.Container[name]);

    private static long Mebibytes(string size)
    {
        var number = long.Parse(size.AsSpan(0, size.AsSpan().IndexOfAnyExceptInRange('0', '9')), CultureInfo.InvariantCulture);
        return size.TrimEnd('B').EndsWith("Gi", StringComparison.Ordinal) ? number << 10 : number;
    }
}
