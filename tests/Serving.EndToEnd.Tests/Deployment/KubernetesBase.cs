using System.Text.Json;

namespace Serving.EndToEnd.Tests.Deployment;

/// <summary>The files of deploy/kubernetes/base.</summary>
internal static class KubernetesBase
{
    public static readonly string[] Folder = ["deploy", "kubernetes", "base"];

    public static YamlFile Kustomization => Read("kustomization.yaml");

    public static YamlFile Deployment => Read("deployment.yaml");

    public static YamlFile Pod => Deployment["spec/template/spec"];

    public static YamlFile Container => Assert.Single(Pod["containers"].Items);

    /// <summary>The daemon's configuration as the ConfigMap has it.</summary>
    public static JsonElement Configuration => JsonDocument.Parse(Read("configmap.yaml")["data"].Texts["serving.json"]).RootElement;

    public static YamlFile Read(string file) => YamlFile.Read([.. Folder, file]);
}
