using Serving.Compute.Programs;
using Serving.Compute.Tests.Programs;

namespace Serving.Compute.Tests.Contracts;

/// <summary>
/// What of both contracts keys and values have to do with, held with keys and values of 8 bits: heads of every size and grouping, windows, sinks, pages that are partly filled, copied or brought back from
/// host memory, and every kind of company.
/// </summary>
public abstract class KeyValueContract
{
    /// <summary>The backend under test.</summary>
    protected abstract BackendFactory Factory { get; }

    /// <summary>Tokens of a prompt that goes over more than one of attention's splits.</summary>
    protected virtual int LongPrompt => 600;

    [Theory]
    [InlineData("llama")]
    [InlineData("qwen3")]
    [InlineData("head80")]
    [InlineData("odd")]
    [InlineData("gemma2")]
    public void Execute_WholeSequence_MatchesReference(string shape) => Results().Execute_WholeSequence_MatchesReference(shape);

    [Fact]
    public void Execute_Window_MatchesReference() => Results().Execute_Window_MatchesReference(33);

    [Fact]
    public void Execute_Sinks_MatchReference() => Results().Execute_Sinks_MatchReference(20);

    [Fact]
    public void Execute_PositionsWithGap_MatchReference() => Results().Execute_PositionsWithGap_MatchReference();

    [Theory]
    [InlineData(5, "llama")]
    [InlineData(10, "wide")]
    [InlineData(7, "head80")]
    [InlineData(3, "odd")]
    public void Execute_PartlyFilledPages_EqualFullOnes(int chunk, string shape) => Results().Execute_PartlyFilledPages_EqualFullOnes(chunk, shape);

    [Theory]
    [InlineData(5)]
    [InlineData(16)]
    public void Execute_CopiedPage_ContinuesAsItsOrigin(int filled) => Results().Execute_CopiedPage_ContinuesAsItsOrigin(filled);

    [Fact]
    public void CopyFromHost_OtherPages_ContinueAsTheirOrigin() => Results().CopyFromHost_OtherPages_ContinueAsTheirOrigin();

    [Theory]
    [MemberData(nameof(Cases))]
    public void Answer_InCrowd_EqualsAlone(string name) => Invariance().Answer_InCrowd_EqualsAlone(name);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Answer_InChunks_EqualsWhole(string name) => Invariance().Answer_InChunks_EqualsWhole(name);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Answer_OnSharedPages_EqualsAlone(string name) => Invariance().Answer_OnSharedPages_EqualsAlone(name);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Answer_Recomputed_EqualsGenerated(string name) => Invariance().Answer_Recomputed_EqualsGenerated(name);

    /// <summary>Cases of <see cref="InvarianceContract"/>.</summary>
    public static TheoryData<string> Cases => ["demo", "odd", "head80", "gemma3", "long sinks"];

    private ResultsOfIntegers Results() => new(Factory);

    private InvarianceOfIntegers Invariance() => new(Factory, LongPrompt);

    private sealed class ResultsOfIntegers(BackendFactory factory) : BackendContract
    {
        /// <inheritdoc/>
        protected override BackendFactory Factory { get; } = factory;

        /// <inheritdoc/>
        protected override TestShape Adjust(TestShape shape) => shape with { KeyValues = KeyValueFormat.Int8 };
    }

    private sealed class InvarianceOfIntegers(BackendFactory factory, int longPrompt) : InvarianceContract
    {
        /// <inheritdoc/>
        protected override BackendFactory Factory { get; } = factory;

        /// <inheritdoc/>
        protected override int LongPrompt { get; } = longPrompt;

        /// <inheritdoc/>
        protected override TestShape Adjust(TestShape shape) => shape with { KeyValues = KeyValueFormat.Int8 };
    }
}
