using System.Globalization;
using Serving.Testing;
using YamlDotNet.RepresentationModel;

namespace Serving.EndToEnd.Tests.Deployment;

/// <summary>A node of a YAML file of the repository, reached by a path such as <c>spec/ports/0/port</c>.</summary>
internal sealed class YamlFile(YamlNode node)
{
    /// <summary>Reads the one document of a file below the repository's root.</summary>
    public static YamlFile Read(params string[] path) => ReadFile(Repository.PathOf(path));

    /// <summary>Reads the one document of a file.</summary>
    public static YamlFile ReadFile(string path) => Parse(File.ReadAllText(path));

    /// <summary>Reads the one document of a text.</summary>
    public static YamlFile Parse(string text)
    {
        var stream = new YamlStream();
        using var reader = new StringReader(text);
        stream.Load(reader);
        return new YamlFile(Assert.Single(stream.Documents).RootNode);
    }

    /// <summary>The node at a path; the calling test fails when it is not there.</summary>
    public YamlFile this[string path]
    {
        get
        {
            var at = node;
            foreach (var part in path.Split('/'))
            {
                at = at is YamlSequenceNode items ? items[int.Parse(part, CultureInfo.InvariantCulture)] : ((YamlMappingNode)at).Children[part];
            }

            return new YamlFile(at);
        }
    }

    /// <summary>True when a mapping has a key.</summary>
    public bool Has(string key) => node is YamlMappingNode mapping && mapping.Children.ContainsKey(key);

    /// <summary>A mapping's keys.</summary>
    public IEnumerable<string> Keys => ((YamlMappingNode)node).Children.Keys.Select(key => ((YamlScalarNode)key).Value!);

    /// <summary>True for a list.</summary>
    public bool IsList => node is YamlSequenceNode;

    /// <summary>A scalar's text.</summary>
    public string Text => ((YamlScalarNode)node).Value!;

    /// <summary>A scalar as a whole number.</summary>
    public int Number => int.Parse(Text, CultureInfo.InvariantCulture);

    /// <summary>The elements of a list.</summary>
    public IEnumerable<YamlFile> Items => ((YamlSequenceNode)node).Select(item => new YamlFile(item));

    /// <summary>A mapping of texts.</summary>
    public Dictionary<string, string> Texts => ((YamlMappingNode)node).Children.ToDictionary(pair => ((YamlScalarNode)pair.Key).Value!, pair => ((YamlScalarNode)pair.Value).Value!);
}
