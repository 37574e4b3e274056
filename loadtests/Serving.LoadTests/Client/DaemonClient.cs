using System.Net.Http.Headers;
using System.Text.Json;
using Serving.LoadTests.Workload;

namespace Serving.LoadTests.Client;

/// <summary>One tenant's access to the daemon, beside its load: what is asked before and after a run.</summary>
internal sealed class DaemonClient : IDisposable
{
    /// <summary>Largest answer that is read at once, bytes: 2,000 adapters and their metrics fit.</summary>
    public const int MaxAnswerBytes = 64 << 20;

    private readonly HttpClient _http;

    /// <summary>A client.</summary>
    /// <param name="address">Where the daemon is.</param>
    /// <param name="key">The tenant's key; null for none.</param>
    /// <param name="connections">Connections at most.</param>
    public DaemonClient(Uri address, string? key, int connections)
    {
        _http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = connections + 1, PooledConnectionIdleTimeout = TimeSpan.FromMinutes(1), UseProxy = false, MaxResponseDrainSize = 0 })
        {
            BaseAddress = address,
            Timeout = Timeout.InfiniteTimeSpan,
            MaxResponseContentBufferSize = MaxAnswerBytes,
        };
        _http.DefaultRequestHeaders.Authorization = key is null ? null : new AuthenticationHeaderValue("Bearer", key);
    }

    /// <summary>Posts a request of the load; the answer's head is there when this returns.</summary>
    public Task<HttpResponseMessage> PostAsync(string path, byte[] body, CancellationToken cancel)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        return _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancel);
    }

    /// <summary>The models that the tenant may use: the base model, and the adapters by name.</summary>
    /// <exception cref="DaemonException">There is no such daemon.</exception>
    public async Task<(string Base, IReadOnlyList<string> Adapters)> ModelsAsync(CancellationToken cancel)
    {
        using var answer = JsonOf(await GetAsync("/v1/models", cancel), "/v1/models");
        try
        {
            var models = answer.RootElement.GetProperty("data").EnumerateArray()
                .Select(model => (Id: model.GetProperty("id").GetString()!, IsBase: !model.TryGetProperty("parent", out var parent) || parent.ValueKind != JsonValueKind.String))
                .ToList();
            return (models.First(model => model.IsBase).Id, [.. models.Where(model => !model.IsBase).Select(model => model.Id).Order(StringComparer.Ordinal)]);
        }
        catch (Exception exception) when (exception is KeyNotFoundException or InvalidOperationException)
        {
            throw new DaemonException("/v1/models does not answer with a list of models");
        }
    }

    /// <summary>Token ids that ordinary words have, each once.</summary>
    /// <exception cref="DaemonException">It cannot tokenize.</exception>
    public async Task<IReadOnlyList<int>> VocabularyAsync(CancellationToken cancel)
    {
        using var answer = JsonOf(await SetUpAsync("/tokenize", RequestBody.Tokenize(Words.Text), cancel), "/tokenize");
        try
        {
            var tokens = answer.RootElement.GetProperty("tokens").EnumerateArray().Select(token => token.GetInt32()).Distinct().ToList();
            return tokens.Count > 0 ? tokens : throw new DaemonException("/tokenize answers without tokens");
        }
        catch (Exception exception) when (exception is KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new DaemonException("/tokenize does not answer with token ids");
        }
    }

    /// <summary>Puts the schema of documents.</summary>
    /// <exception cref="DaemonException">It is refused.</exception>
    public Task PutSchemaAsync(Documents documents, CancellationToken cancel) => SetUpAsync("/v1/prompt_schemas", RequestBody.Schema(documents), cancel);

    /// <summary>The daemon's figures now; null where it has none, or does not show them.</summary>
    public async Task<ServerMetrics?> MetricsAsync(CancellationToken cancel)
    {
        try
        {
            using var answer = await _http.GetAsync(new Uri("/metrics", UriKind.Relative), cancel);
            return answer.IsSuccessStatusCode ? new ServerMetrics(PrometheusText.Parse(await answer.Content.ReadAsStringAsync(cancel))) : null;
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private static JsonDocument JsonOf(string body, string path)
    {
        try
        {
            return JsonDocument.Parse(body, new JsonDocumentOptions { MaxDepth = 32 });
        }
        catch (JsonException)
        {
            throw new DaemonException($"{path} does not answer in JSON");
        }
    }

    private async Task<string> GetAsync(string path, CancellationToken cancel) => await ReadAsync(path, () => _http.GetAsync(new Uri(path, UriKind.Relative), cancel), cancel);

    private async Task<string> SetUpAsync(string path, byte[] body, CancellationToken cancel) => await ReadAsync(path, () => PostAsync(path, body, cancel), cancel);

    private static async Task<string> ReadAsync(string path, Func<Task<HttpResponseMessage>> send, CancellationToken cancel)
    {
        try
        {
            using var answer = await send();
            var text = await answer.Content.ReadAsStringAsync(cancel);
            return answer.IsSuccessStatusCode ? text : throw new DaemonException($"{path} answers {(int)answer.StatusCode}: {(text.Length <= 300 ? text : text[..300])}");
        }
        catch (HttpRequestException exception)
        {
            throw new DaemonException($"{path} cannot be reached: {exception.Message}");
        }
    }
}
