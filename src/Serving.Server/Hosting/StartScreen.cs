using System.Globalization;
using Serving.Engine;
using Serving.Server.Tenancy;
using Spectre.Console;

namespace Serving.Server.Hosting;

/// <summary>The one screen at start: what is served, on what, where, and a line to try it. Plain lines where the output is not a terminal.</summary>
internal sealed class StartScreen(IAnsiConsole console, ListenAddresses addresses, TenantStore tenants)
{
    /// <summary>The model is loaded and requests are taken.</summary>
    public async Task ReadyAsync(IEngineClient engine, CancellationToken cancellationToken)
    {
        var lines = Lines(engine, await AdaptersAsync(engine, cancellationToken)).ToList();
        var table = new Table().Border(console.Profile.Out.IsTerminal ? TableBorder.Rounded : TableBorder.None).HideHeaders().AddColumns("", "");
        foreach (var (name, value) in lines)
        {
            table.AddRow(new Markup($"[bold]{Markup.Escape(name)}[/]"), new Text(value));
        }

        if (console.Profile.Out.IsTerminal)
        {
            console.Write(table);
        }
        else
        {
            foreach (var (name, value) in lines)
            {
                console.Profile.Out.Writer.WriteLine($"{name,-10} {value}");
            }
        }

        // Outside the table and unwrapped, so that it can be copied.
        console.Profile.Out.Writer.WriteLine($"\n{Curl(engine.Description.ModelName)}\n");
        console.Profile.Out.Writer.Flush();
    }

    private IEnumerable<(string Name, string Value)> Lines(IEngineClient engine, string adapters)
    {
        var about = engine.Description;
        var pool = about.PoolPages * about.PageBytes / (double)(1 << 20);
        var anyone = tenants.Current.Anonymous;
        yield return ("Serving", ProductVersion.Number);
        yield return ("Model", string.Create(CultureInfo.InvariantCulture, $"{about.ModelName} ({about.ParameterCount / 1e6:0.##} M parameters in {about.Weights}, context of {about.MaxModelLength} tokens)"));
        if (about.WeightScheme is { } scheme)
        {
            yield return ("Weights", $"{scheme} in the checkpoint, kept as {about.Weights}{(about.Weights == "bf16" && (about.DeviceName is null || about.Threads == 1) ? " (--quantization int8 or int4 takes less memory)" : "")}");
        }

        yield return ("Device", $"{about.Device}, {about.InstructionSet}, {about.DeviceName ?? $"{about.Threads} threads"}");
        yield return ("Pool", string.Create(CultureInfo.InvariantCulture, $"{about.PoolPages} pages of {about.PageBytes >> 10} KiB ({pool:0} MiB), keys and values in {about.KeyValues}, {about.MaxSequences} sequences and {about.AdapterSlots} adapters at once"));
        if (about.StatePages > 0)
        {
            yield return ("State", string.Create(CultureInfo.InvariantCulture, $"{about.StatePages * about.PageBytes / (double)(1 << 20):0.#} MiB of the pool for what a sequence's layers without attention remember, twice while it runs"));
        }

        if (about.ToolCallParser is { } format)
        {
            yield return ("Tools", $"calls are read in the format {format}");
        }

        if (about.ReasoningParser is { } thoughts)
        {
            yield return ("Thoughts", $"are told from answers in the format {thoughts}");
        }

        yield return ("Adapters", adapters);
        yield return ("Tenants", anyone is null ? tenants.Current.TenantCount.ToString(CultureInfo.InvariantCulture) : "none: every request is served without a key");
        yield return ("Address", $"{Address()} (chat there with a browser)");
        if (addresses.Grpc is { } grpc)
        {
            yield return ("gRPC", $"{grpc.Authority} (HTTP/2 without TLS)");
        }
    }

    private async ValueTask<string> AdaptersAsync(IEngineClient engine, CancellationToken cancellationToken)
    {
        if (tenants.Current.Anonymous is not { } anyone)
        {
            return $"{engine.Snapshot.RegisteredAdapters} found";
        }

        var (models, failure) = await engine.ListModelsAsync(anyone.Tenant, cancellationToken);
        return failure?.Message ?? Names(models);
    }

    private static string Names(IReadOnlyList<ModelEntry> models)
    {
        var names = models.Where(entry => entry.Parent is not null).Select(entry => entry.Name).ToList();
        var shown = string.Join(", ", names.Take(10));
        return names.Count == 0 ? "none" : names.Count > 10 ? $"{names.Count}: {shown} …" : shown;
    }

    private string Curl(string model)
    {
        var key = tenants.Current.Anonymous is null ? " -H 'Authorization: Bearer KEY'" : "";
        return $"curl -s {Address()}/v1/chat/completions -H 'Content-Type: application/json'{key} -d '{{\"model\": \"{model}\", \"messages\": [{{\"role\": \"user\", \"content\": \"What is the capital of France?\"}}]}}'";
    }

    private string Address() => addresses.Http.ToString().TrimEnd('/');
}
