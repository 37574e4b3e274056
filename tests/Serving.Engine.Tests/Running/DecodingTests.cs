using Serving.Core.Requests;
using Serving.Core.Tenancy;
using Serving.Engine.Execution;
using Serving.Engine.Requests;
using Serving.Engine.Tokenization;
using Serving.Testing;

namespace Serving.Engine.Tests.Running;

/// <summary>Text made of a client's token ids, and token texts: work on the caller's thread like tokenising, and bounded like it.</summary>
public sealed class DecodingTests
{
    private static readonly TenantId Flood = new("flood");
    private static readonly TenantId Other = new("other");

    /// <summary>All turns are taken: nobody decodes beside them, and who goes away is let go.</summary>
    [Fact]
    public async Task Decode_AllTurnsAreTaken_Waits()
    {
        var tokenizer = Tokenizer.Load(Repository.DemoModel);
        var encoder = new PromptEncoder(tokenizer, null, null!, null!, null!);
        using var work = new ManualResetEventSlim();
        using var begun = new CountdownEvent(Math.Max(1, Environment.ProcessorCount / 2));
        using var gone = new CancellationTokenSource();
        var busy = Enumerable.Range(0, begun.InitialCount).Select(_ => Task.Factory.StartNew(
            () => encoder.InTurnAsync(Flood, () => begun.Signal() & Wait(work), CancellationToken.None).AsTask(), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap()).ToList();
        begun.Wait(TestContext.Current.CancellationToken);
        var ids = tokenizer.EncodeToIds("Hello!", addSpecialTokens: false);
        var text = encoder.DecodeAsync(Other, ids, TestContext.Current.CancellationToken).AsTask();
        var texts = encoder.TokenTextsAsync(Other, ids, TestContext.Current.CancellationToken).AsTask();
        var leaving = encoder.DecodeAsync(Other, ids, gone.Token).AsTask();
        Assert.Equal((false, false), (text.IsCompleted, texts.IsCompleted));
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => leaving);
        work.Set();
        await Task.WhenAll(busy);
        Assert.Equal("Hello!", await text);
        Assert.Equal(ids.Length, (await texts).Count);
    }

    [Fact]
    public void ValidateDecoded_MoreThanAContextEverHas_IsRefused()
    {
        var validator = new RequestValidator(new RequestLimits(64, 10, 1), null!, null!);
        Assert.Null(validator.ValidateDecoded(new int[RequestLimits.DecodedTokens]));
        Assert.Equal((RequestError.InvalidRequest, "tokens"), (validator.ValidateDecoded(new int[RequestLimits.DecodedTokens + 1])!.Error, validator.ValidateDecoded([11])!.Parameter));
    }

    private static bool Wait(ManualResetEventSlim gate)
    {
        gate.Wait();
        return true;
    }
}
