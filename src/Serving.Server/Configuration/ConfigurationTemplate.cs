using System.Text;

namespace Serving.Server.Configuration;

/// <summary>Writes <c>serving.json</c>: every key with its value and a comment that says what it is for.</summary>
internal static class ConfigurationTemplate
{
    /// <summary>The file for some options.</summary>
    public static string Render(ServingOptions options)
    {
        var text = new StringBuilder();
        text.Append("// Every key with its default. Each is also a flag (server.port is --port) and a variable (SERVING_SERVER__PORT):\n");
        text.Append("// a flag wins over a variable, a variable over this file. Paths are meant from this file's folder.\n{\n");
        var sections = ConfigurationKeys.All.GroupBy(key => key.Section).ToList();
        foreach (var section in sections)
        {
            text.Append("  \"").Append(section.Key).Append("\": {\n");
            foreach (var key in section)
            {
                text.Append("    // ").Append(key.Help).Append(" Accepts ").Append(key.Expected).Append(".\n");
                text.Append("    \"").Append(key.Name).Append("\": ").Append(key.ToJson(options)).Append(key == section.Last() ? "\n" : ",\n");
            }

            text.Append(section == sections[^1] ? "  }\n" : "  },\n\n");
        }

        return text.Append("}\n").ToString();
    }
}
