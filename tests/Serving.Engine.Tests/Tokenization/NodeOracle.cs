using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using Serving.Testing;

namespace Serving.Engine.Tests.Tokenization;

/// <summary>Asks Hugging Face's JavaScript tokenizers library, in <c>node/</c>; skips the calling test where Node is not.</summary>
internal static class NodeOracle
{
    private static readonly string Folder = Repository.PathOf("tests", "Serving.Engine.Tests", "Tokenization", "node");
    private static readonly Lazy<bool> Installed = new(Install);

    /// <summary>Answers each request; all go to one process.</summary>
    public static JsonNode[] Ask(IEnumerable<JsonObject> requests)
    {
        Repository.Requires(Installed.Value, "node, or the packages of tests/Serving.Engine.Tests/Tokenization/node, are not here");
        var input = string.Join('\n', requests.Select(request => request.ToJsonString()));
        var (exit, output, errors) = Run("node", ["oracle.mjs"], input);
        Assert.True(exit == 0, errors);
        return [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!)];
    }

    private static bool Install()
    {
        try
        {
            return Run("node", ["--version"], string.Empty).Exit == 0
                && (Directory.Exists(Path.Combine(Folder, "node_modules", "@huggingface", "tokenizers"))
                    || Run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], string.Empty).Exit == 0);
        }
        catch (Win32Exception)
        {
            return false;
        }
    }

    private static (int Exit, string Output, string Errors) Run(string program, string[] arguments, string input)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = Folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardInputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false),
            StandardOutputEncoding = Encoding.UTF8,
        };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        process.StandardInput.Write(input);
        process.StandardInput.Close();
        process.WaitForExit();
        return (process.ExitCode, output.Result, errors.Result);
    }
}
