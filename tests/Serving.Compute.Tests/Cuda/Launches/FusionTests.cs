using Serving.Compute.Cuda.Launches;
using Serving.Compute.Programs;
using Serving.Compute.Tests.Programs;

namespace Serving.Compute.Tests.Cuda.Launches;

/// <summary>Which neighbours of a list become one.</summary>
public sealed class FusionTests
{
    [Theory]
    [InlineData(16, true)]
    [InlineData(128, true)]
    [InlineData(80, false)]
    public void NextOf_LlamaType_TakesActivationAndHeadsThatDoNotCrossBlocks(int headSize, bool takesHeads)
    {
        var program = TestProgram.Create(new TestShape { HeadSize = headSize, Bias = true }).Program;
        var taken = Taken(program).ToList();
        Assert.Equal(2, taken.OfType<GateMulOp>().Count());
        Assert.Equal(takesHeads ? 2 : 0, taken.OfType<RopeAndAppendOp>().Count());

        // Two of each layer but the last down, which the rows that have outputs follow.
        Assert.Equal(3, taken.OfType<RmsNormOp>().Count());
    }

    /// <summary>Where norms stand behind o and down, the end of neither norms: the norm that follows adds, and the one after it reads the residual stream.</summary>
    [Fact]
    public void NextOf_GemmaType_TakesNoNorms()
    {
        var program = TestProgram.Create(TestShape.Gemma2).Program;
        Assert.Equal(4, program.Ops.OfType<RmsNormOp>().Count(norm => norm.Accumulate));
        Assert.Empty(Taken(program).OfType<RmsNormOp>());
        Assert.All(Taken(program).OfType<GateMulOp>(), gate => Assert.Equal(GateActivation.GeluTanh, gate.Activation));
        Assert.Equal(2, Taken(program).OfType<GateMulOp>().Count());
    }

    /// <summary>A norm that adds to a buffer reads it: who wrote there before is not done with.</summary>
    [Fact]
    public void NextOf_OutputThatANormAddsTo_TakesNothing()
    {
        var program = TestProgram.Create(new TestShape { Layers = 1 }).Program;
        var gate = program.Ops.OfType<GateMulOp>().Single();
        var at = program.Ops.ToList().FindIndex(op => op is GatherOp);
        var norm = program.Ops.OfType<RmsNormOp>().First();
        var added = program with { Ops = [.. program.Ops.Take(at), norm with { Output = gate.Input, Accumulate = true }, .. program.Ops.Skip(at)] };
        Assert.DoesNotContain(Taken(added), op => op is GateMulOp);
    }

    /// <summary>What somebody reads later has to be written.</summary>
    [Fact]
    public void NextOf_OutputReadAgain_TakesNothing()
    {
        var program = TestProgram.Create(new TestShape { Layers = 1 }).Program;
        var gateUp = program.Ops.OfType<GateMulOp>().Single().Input;
        var at = program.Ops.ToList().FindIndex(op => op is GatherOp);
        var read = program with { Ops = [.. program.Ops.Take(at), new GatherOp(gateUp, gateUp), .. program.Ops.Skip(at)] };
        Assert.Contains(Taken(program), op => op is GateMulOp);
        Assert.DoesNotContain(Taken(read), op => op is GateMulOp);
    }

    /// <summary>An op between the two keeps them apart, and so does an end of another kind.</summary>
    [Fact]
    public void NextOf_OtherNeighbour_TakesNothing()
    {
        var program = TestProgram.Create(new TestShape { Layers = 1 }).Program;
        var rope = program.Ops.ToList().FindIndex(op => op is RopeAndAppendOp);
        var apart = program with { Ops = [.. program.Ops.Take(rope), new EmbedOp(0, 0), .. program.Ops.Skip(rope)] };
        Assert.DoesNotContain(Taken(apart), op => op is RopeAndAppendOp);
        var rounds = program with { Ops = [.. program.Ops.Select(op => op is LinearOp { Mode: LinearOutput.Keep } linear ? linear with { Mode = LinearOutput.Round } : op)] };
        Assert.DoesNotContain(Taken(rounds), op => op is RopeAndAppendOp);
    }

    /// <summary>Of a model with experts the end of o norms, and nothing else becomes one with the norm behind it: the experts' answers come in between.</summary>
    [Fact]
    public void NextOf_Mixture_LeavesTheNormBehindTheExperts()
    {
        var program = TestProgram.Create(TestShape.Mixture with { HeadSize = 16 }).Program;
        var ops = program.Ops.ToList();
        Assert.Equal(2, Taken(program).OfType<RmsNormOp>().Count());
        Assert.All(Taken(program).OfType<RmsNormOp>(), norm => Assert.IsNotType<CombineOp>(ops[ops.IndexOf(norm) - 1]));
        Assert.Empty(Taken(program).OfType<GateMulOp>());
    }

    /// <summary>Experts' products look their rows up and gate, unless somebody else reads what would be copied, or the product.</summary>
    [Fact]
    public void LooksUpAndGateBehind_Mixture_UnlessReadAgain()
    {
        var program = TestProgram.Create(TestShape.Mixture with { Layers = 1 }).Program;
        var at = program.Ops.ToList().FindIndex(op => op is DispatchOp);
        var (dispatch, gate) = ((DispatchOp)program.Ops[at], (GateMulOp)program.Ops[at + 2]);
        Assert.True(Fusion.LooksUp(program, at));
        Assert.Equal(gate, Fusion.GateBehind(program, at + 1));
        Assert.Null(Fusion.GateBehind(program, at + 3));
        Assert.False(Fusion.LooksUp(Reading(dispatch.Output), at));
        Assert.Null(Fusion.GateBehind(Reading(gate.Input), at + 1));

        ModelProgram Reading(int buffer) => program with { Ops = [.. program.Ops.Take(at + 3), new GatherOp(buffer, buffer), .. program.Ops.Skip(at + 3)] };
    }

    private static IEnumerable<ProgramOp> Taken(ModelProgram program) =>
        Enumerable.Range(0, program.Ops.Count).Select(i => Fusion.NextOf(program, i)).OfType<ProgramOp>();
}
