using System.Text.Json;
using Serving.EndToEnd.Tests.Deployment;
using Serving.Testing;

namespace Serving.EndToEnd.Tests.Clients;

/// <summary>A client in JavaScript, in a folder of its own beside this file, with its packages from npm.</summary>
internal sealed class NodeClient(string name, string package, string script = "client.mjs")
{
    // Classes run side by side, and several have clients in one folder.
    private static readonly SemaphoreSlim Installing = new(1);

    private readonly string _folder = Repository.PathOf("tests", "Serving.EndToEnd.Tests", "Clients", name);

    /// <summary>Runs it to its end, its packages installed before if they are not; skips the calling test, saying so, where they cannot be.</summary>
    /// <returns>The object that it prints.</returns>
    public async Task<JsonElement> RunAsync(params string[] arguments)
    {
        await InstallAsync();
        var (code, output) = await Tool.RunAsync("node", _folder, [script, .. arguments]);
        Assert.True(code == 0, output);
        return JsonDocument.Parse(output.Split('\n').Last(line => line.StartsWith('{'))).RootElement;
    }

    private async Task InstallAsync()
    {
        await Installing.WaitAsync();
        try
        {
            await InstallInTurnAsync();
        }
        finally
        {
            Installing.Release();
        }
    }

    private async Task InstallInTurnAsync()
    {
        if (Directory.Exists(Path.Combine(_folder, "node_modules", package)))
        {
            return;
        }

        var installed = false;
        try
        {
            installed = (await Tool.RunAsync("npm", _folder, "ci", "--ignore-scripts", "--no-audit", "--no-fund")).Code == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            // There is no npm.
        }

        Repository.Requires(installed, $"npm's {package} could not be installed");
    }
}
