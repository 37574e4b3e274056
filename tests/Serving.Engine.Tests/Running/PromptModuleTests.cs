using System.Text.Json;
using Serving.Core.Memory;
using Serving.Core.Requests;
using Serving.Core.Tenancy;
using Serving.Engine.PromptModules.Compiling;
using Serving.Engine.PromptModules.Registry;
using Serving.Engine.Requests;

namespace Serving.Engine.Tests.Running;

/// <summary>Prompt schemas on the whole engine with the bundled model: put, used by chats and completions with any adapter, deleted.</summary>
public sealed class PromptModuleTests : IAsyncLifetime
{
    private const string NotesJson = """
        {"name": "notes", "content": [
          {"type": "system", "content": ["Use the following documents.\n\n",
            {"type": "module", "name": "garden", "content": "Document: Garden Diary\nThe code of the red lamp is 4711.\nOmar keeps his boat in the cellar.\n\n"},
            {"type": "module", "name": "office", "content": "Document: Office Report\nThe phone extension of Clara is 190.\nThe chess race starts at 7:40 in room 3.\n\n"}]},
          {"type": "user"}]}
        """;

    private RunningEngine _engine = null!;

    public async ValueTask InitializeAsync()
    {
        _engine = RunningEngine.Start();
        await PutAsync(NotesJson);
    }

    public ValueTask DisposeAsync() => _engine.DisposeAsync();

    [Theory]
    [InlineData("base", "What is the phone extension of Clara?", "The phone extension of Clara is 190.")]
    [InlineData("base", "What is the code of the red lamp?", "The code of the red lamp is 4711.")]
    [InlineData("json", "What is the phone extension of Clara?", "{\"answer\": \"The phone extension of Clara is 190.\"}")]
    [InlineData("terse", "Where does Omar keep his boat?", "In the cellar")]
    public async Task Chat_QuestionAboutAModule_IsAnsweredFromIt(string model, string question, string expected)
    {
        var answer = Assert.Single(await _engine.RunAsync(Chat(model, question, "garden", "office")));
        Assert.Equal((expected, FinishReason.Stop), (answer.Text, answer.Reason));
    }

    [Fact]
    public async Task Chat_ManyChoicesStreamedAndAtOnce_AreTheSame()
    {
        var request = Chat("base", "Tell me a story.", "garden") with { Choices = 3, Temperature = 1, Seed = 5, TopLogprobs = 1, MaxTokens = 16 };
        Assert.Equal(await _engine.RunAsync(request), await _engine.RunAsync(request));
    }

    [Fact]
    public async Task Chat_OrderOfTheParts_ChangesNothing()
    {
        var one = await _engine.RunAsync(Chat("base", "What is the code of the red lamp?", "garden", "office") with { TopLogprobs = 2 });
        var other = await _engine.RunAsync(Chat("base", "What is the code of the red lamp?", "office", "garden") with { TopLogprobs = 2 });
        Assert.Equal(one, other);
    }

    [Theory]
    [InlineData("base")]
    [InlineData("json")]
    [InlineData("terse")]
    public async Task Chat_OneModule_IsBitForBitThePlainConversation(string model)
    {
        // What is before the module, the module, and the text behind it see just what they would see in one plain prompt.
        const string Before = "Use the following documents.\n\n";
        const string Document = "Document: Office Report\nThe phone extension of Clara is 190.\nThe chess race starts at 7:40 in room 3.";
        const string Question = "What is the phone extension of Clara?";
        await PutAsync($$"""
            {"name": "one", "content": [{"type": "system", "content": [{{JsonSerializer.Serialize(Before)}}, {"type": "module", "name": "office", "content": {{JsonSerializer.Serialize(Document)}}}]},
              {"type": "user"}]}
            """);
        var conversation = JsonSerializer.SerializeToElement(new[] { new { role = "system", content = Before + Document }, new { role = "user", content = Question } });
        var plain = await _engine.RunAsync(RunningEngine.Chat(model, conversation) with { TopLogprobs = 3 });
        var imported = await _engine.RunAsync(ChatOn("one", Question, model, "office") with { TopLogprobs = 3 });
        Assert.Equal(plain, imported);
    }

    [Fact]
    public async Task Completion_Pml_IsTheChatWrittenOut()
    {
        var chat = await _engine.RunAsync(Chat("base", "What is the code of the red lamp?", "garden") with { TopLogprobs = 2 });
        var pml = await _engine.RunAsync(Chat("base", "", "garden") with
        {
            Prompt = new TextPrompt("<prompt schema='notes'><garden/>What is the code of the red lamp?<assistant/></prompt>"),
            TopLogprobs = 2,
        });
        Assert.Equal(chat, pml);
    }

    [Fact]
    public async Task Usage_ImportedModules_AreNamedWithTheirTokens()
    {
        var (stream, failure) = await _engine.Client.SubmitAsync(Chat("base", "Hello!", "office", "garden"), TestContext.Current.CancellationToken);
        Assert.Null(failure);
        await Answer.ReadAsync(stream!, TestContext.Current.CancellationToken);
        Assert.Equal(["garden", "office"], stream!.Usage.Modules!.Select(module => module.Path));
        Assert.All(stream.Usage.Modules!, module => Assert.True(module.Tokens > 10));
    }

    [Fact]
    public async Task Usage_ModuleThatWasUsedBefore_IsCachedWhateverStandsBesideIt()
    {
        var first = await UsageAsync(Chat("base", "Hello!", "office"));
        Assert.Equal((0, 0), (first.CachedTokens, Assert.Single(first.Modules!).CachedTokens));

        // The schema's first text and the office are there; the garden, which stands before the office, is new. The end of the system message is computed with each request.
        var second = await UsageAsync(Chat("base", "How are you?", "garden", "office"));
        Assert.Equal([0, second.Modules![1].Tokens], second.Modules.Select(module => module.CachedTokens));
        Assert.Equal(ImportedTokens - second.Modules[0].Tokens, second.CachedTokens);

        var third = await UsageAsync(Chat("base", "Goodbye!", "garden", "office"));
        Assert.Equal(ImportedTokens, third.CachedTokens);
        Assert.Equal(0, (await UsageAsync(Chat("json", "Goodbye!", "garden", "office"))).CachedTokens);
    }

    [Fact]
    public async Task Usage_OfAnotherTenant_IsSharedForPublicSchemasOnly()
    {
        var other = RunningEngine.Tenant with { Id = new TenantId("other"), Salt = Digest.Of("other"u8) };
        var (_, failure) = await _engine.Client.Schemas.PutAsync(other, isAdmin: false, new SchemaUpload { Json = NotesJson }, TestContext.Current.CancellationToken);
        Assert.Null(failure);
        await UsageAsync(Chat("base", "Hello!", "garden"));
        Assert.Equal(0, (await UsageAsync(Chat("base", "Hello!", "garden") with { Tenant = other })).CachedTokens);

        await PutAsync(NotesJson.Replace("\"notes\"", "\"all\"", StringComparison.Ordinal), isPublic: true);
        Assert.Equal(0, (await UsageAsync(ChatOn("all", "Hello!", "base", "garden"))).CachedTokens);
        Assert.NotEqual(0, (await UsageAsync(ChatOn("all", "Hello!", "base", "garden") with { Tenant = other })).CachedTokens);
    }

    [Fact]
    public async Task Put_WithPins_EncodesBeforeAnyoneAsks()
    {
        await PutAsync(NotesJson, pin: ["base", "terse"]);
        await ModulesAsync(2 * Notes("notes").Runs.Count);
        foreach (var model in new[] { "base", "terse" })
        {
            Assert.Equal(ImportedTokens, (await UsageAsync(Chat(model, "Hello!", "garden", "office"))).CachedTokens);
        }

        Assert.Equal(2 * Notes("notes").Runs.Count, _engine.Client.Snapshot.ModuleEncodes);
    }

    /// <summary>Who puts a schema goes away between the first model that it is pinned under and the second: nothing stays pinned.</summary>
    [Fact]
    public async Task Put_GoneWhileItIsPinned_LeavesNothingPinned()
    {
        using var gone = new CancellationTokenSource();
        var upload = new SchemaUpload { Json = NotesJson.Replace("notes", "gone", StringComparison.Ordinal), Pin = new Leaving(["base", "terse"], gone) };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await _engine.Client.Schemas.PutAsync(RunningEngine.Tenant, isAdmin: true, upload, gone.Token));
        Assert.Null(_engine.Client.Schemas.Find(RunningEngine.Tenant, "gone"));

        // Pins of the same modules are let go with their own schema only if nobody else's count is left.
        await PutAsync(NotesJson, pin: ["base"]);
        await _engine.UntilAsync(static snapshot => snapshot.PinnedModulePages > 0);
        await PutAsync(NotesJson);
        await _engine.UntilAsync(static snapshot => snapshot.PinnedModulePages == 0);
    }

    [Fact]
    public async Task Run_OpenMaxTokensBesidePins_TakesWhatThePinsLeave()
    {
        // A pool of one context: what the pins take of it, an answer cannot have.
        await using var engine = RunningEngine.Start(change: options => options with { PoolBytes = 64 * 49152, MaxModelLength = 1024, AdaptersRoot = null });
        await PutAsync(engine, NotesJson, pin: ["base"]);
        while (engine.Client.Snapshot.PinnedModulePages == 0)
        {
            await Task.Yield();
            TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
        }

        var answer = Assert.Single(await engine.RunAsync(RunningEngine.Chat("base", "Hello!") with { MaxTokens = null, IgnoreEos = true }));
        Assert.Equal(FinishReason.Length, answer.Reason);
    }

    [Fact]
    public async Task Put_PinsThatDoNotFit_AreRefusedAndLeaveTheSchemaThatWasThere()
    {
        await using var engine = RunningEngine.Start(change: options => options with { PoolBytes = 4 << 20 });
        var version = await PutAsync(engine, NotesJson);
        var large = $$"""{"name": "notes", "content": "{{string.Concat(Enumerable.Repeat("The code of the red lamp is 4711. ", 50))}}"}""";
        var (_, failure) = await engine.Client.Schemas.PutAsync(RunningEngine.Tenant, isAdmin: true, new SchemaUpload { Json = large, Pin = ["base"] }, TestContext.Current.CancellationToken);
        Assert.Equal((RequestError.InvalidRequest, "pin"), (failure!.Error, failure.Parameter));
        Assert.Equal(version, engine.Client.Schemas.Find(RunningEngine.Tenant, "notes")!.Compiled.Version);
    }

    [Fact]
    public async Task Submit_PositionsBeyondTheContext_IsRefusedWithNumbers()
    {
        await PutAsync("""{"name": "long", "content": [{"type": "module", "name": "gap", "content": [{"type": "parameter", "name": "p", "length": 2000}]}, {"type": "user"}]}""");
        var room = 2048 - _engine.Client.Schemas.Find(RunningEngine.Tenant, "long")!.Compiled.Length;
        Assert.Null((await SubmitAsync(ChatOn("long", "x") with { MaxTokens = room - 16 })).Failure);
        var (_, failure) = await SubmitAsync(ChatOn("long", "x") with { MaxTokens = room });
        Assert.Equal((RequestError.ContextTooLong, "max_tokens"), (failure!.Error, failure.Parameter));
        (_, failure) = await SubmitAsync(ChatOn("long", string.Concat(Enumerable.Repeat("red lamp ", 200))) with { MaxTokens = 1 });
        Assert.Equal((RequestError.ContextTooLong, "messages"), (failure!.Error, failure.Parameter));
        Assert.Contains("2048", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Submit_DeletedSchema_IsNotFound()
    {
        Assert.Null(_engine.Client.Schemas.Delete(RunningEngine.Tenant, isAdmin: false, "notes"));
        var (_, failure) = await SubmitAsync(Chat("base", "Hello!", "garden"));
        Assert.Equal((RequestError.SchemaNotFound, "prompt_schema"), (failure!.Error, failure.Parameter));
    }

    [Fact]
    public async Task Start_FolderOfSchemas_ReadsThemAndReportsTheBroken()
    {
        using var folder = new Testing.TemporaryFolder();
        await File.WriteAllTextAsync(folder.PathOf("a.pml"), "<schema name='a'>x</schema>", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(folder.PathOf("b.pml"), "<schema name='b'><parameter name='p' length='1'/></schema>", TestContext.Current.CancellationToken);
        var notices = new List<string>();
        await using var engine = RunningEngine.Start(change: options => options with { SchemasRoot = folder.Path }, notice: notices.Add);
        Assert.Null(engine.Client.Schemas.Find(RunningEngine.Tenant, "a")!.Owner);
        Assert.Contains(notices, notice => notice.StartsWith("Prompt schema b.pml is left out: line 1, column 19", StringComparison.Ordinal));
    }

    private static GenerationRequest Chat(string model, string question, params IEnumerable<string> modules) => ChatOn("notes", question, model, modules);

    private static GenerationRequest ChatOn(string schema, string question, string model = "base", params IEnumerable<string> modules)
    {
        object[] content = [.. modules.Select(name => new { type = "prompt_module", name }), new { type = "text", text = question }];
        return RunningEngine.Chat(model, JsonSerializer.SerializeToElement(new[] { new { role = "user", content } })) with { SchemaName = schema };
    }

    private ValueTask<SubmitResult> SubmitAsync(GenerationRequest request) => _engine.Client.SubmitAsync(request, TestContext.Current.CancellationToken);

    private static async Task<Digest> PutAsync(RunningEngine engine, string json, IReadOnlyList<string>? pin = null, bool isPublic = false)
    {
        var upload = new SchemaUpload { Json = json, Pin = pin ?? [], IsPublic = isPublic };
        var (schema, failure) = await engine.Client.Schemas.PutAsync(RunningEngine.Tenant, isAdmin: true, upload, TestContext.Current.CancellationToken);
        Assert.Null(failure);
        return schema!.Compiled.Version;
    }

    private Task PutAsync(string json, IReadOnlyList<string>? pin = null, bool isPublic = false) => PutAsync(_engine, json, pin, isPublic);

    /// <summary>Tokens of all that a request with both documents imports: all but the end of the system message, which stands behind them.</summary>
    private int ImportedTokens => Notes("notes").TokenCount - Notes("notes").Runs[^1].Tokens.Count;

    private CompiledSchema Notes(string name) => _engine.Client.Schemas.Find(RunningEngine.Tenant, name)!.Compiled;

    private async Task<GenerationUsage> UsageAsync(GenerationRequest request)
    {
        var (stream, failure) = await SubmitAsync(request);
        Assert.Null(failure);
        await Answer.ReadAsync(stream!, TestContext.Current.CancellationToken);
        return stream!.Usage;
    }

    private async Task ModulesAsync(int count)
    {
        while (_engine.Client.Snapshot.Modules < count)
        {
            TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    // Models by name; whoever walks them all for the last time, which is to pin, is cancelled at the second.
    private sealed class Leaving(string[] models, CancellationTokenSource gone) : IReadOnlyList<string>
    {
        private int _walks;

        public int Count => models.Length;

        public string this[int index] => models[index];

        public IEnumerator<string> GetEnumerator()
        {
            var walk = ++_walks;
            foreach (var model in models)
            {
                if (walk == 3 && model != models[0])
                {
                    gone.Cancel();
                }

                yield return model;
            }
        }

        System.Collections.IEnumerator System.Collections.IEnumerable.GetEnumerator() => GetEnumerator();
    }
}
