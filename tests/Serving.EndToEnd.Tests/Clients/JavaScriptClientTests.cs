using System.Diagnostics;
using System.Text.Json;
using Serving.EndToEnd.Tests.Daemon;
using Serving.Testing;

namespace Serving.EndToEnd.Tests.Clients;

/// <summary>OpenAI's own client for JavaScript against the running daemon.</summary>
public sealed class JavaScriptClientTests(SharedDaemon daemon) : IClassFixture<SharedDaemon>
{
    private static readonly string Folder = Repository.PathOf("tests", "Serving.EndToEnd.Tests", "Clients", "node");

    [Fact]
    public async Task Client_CompletesStreamsListsAndGetsTypedErrors()
    {
        await InstallAsync();

        var (code, output) = await RunAsync("node", "client.mjs", daemon.Api.ToString(), SharedDaemon.Key);

        Assert.True(code == 0, output);
        var result = JsonDocument.Parse(output.Split('\n').Last(line => line.StartsWith('{'))).RootElement;
        Assert.Contains("Paris", Text("whole"), StringComparison.Ordinal);
        Assert.Equal(Text("whole"), Text("streamed"));
        Assert.Equal(result.GetProperty("wholeTokens").GetInt32(), result.GetProperty("streamedTokens").GetInt32());
        Assert.Equal("stop", Text("finish"));
        Assert.Equal("[0,1,2,3]", result.GetProperty("choices").GetRawText());
        Assert.Equal("""["tiny-chat-5m","acme","french","json","pirate","shout","terse"]""", result.GetProperty("models").GetRawText());
        Assert.Equal("""["The phone extension of Clara is 190.","The phone extension of Clara is 190."]""", result.GetProperty("imported").GetRawText());
        Assert.Equal([0, 33], result.GetProperty("reused").EnumerateArray().Select(tokens => tokens.GetInt32()));
        Assert.Equal("BadRequestError 400 messages[0].content[0].name", Text("noModule"));
        Assert.Equal("NotFoundError 404 model", Text("unknown"));
        Assert.Equal("BadRequestError 400 temperature", Text("wrong"));
        Assert.Equal("BadRequestError 400 response_format", Text("unsupported"));
        Assert.Equal("AuthenticationError 401", Text("keyless"));

        string Text(string name) => result.GetProperty(name).GetString()!;
    }

    private static async Task InstallAsync()
    {
        if (Directory.Exists(Path.Combine(Folder, "node_modules", "openai")))
        {
            return;
        }

        var installed = false;
        try
        {
            installed = (await RunAsync("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")).Code == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            // There is no npm.
        }

        Repository.Requires(installed, "npm's openai could not be installed");
    }

    private static async Task<(int Code, string Output)> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { WorkingDirectory = Folder, RedirectStandardOutput = true, RedirectStandardError = true })!;
        var error = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output + await error);
    }
}
