using System.Reflection;
using System.Runtime.InteropServices;
using Serving.Compute.Cpu;
using Serving.Compute.Cpu.Interop;
using Serving.Compute.Steps;
using Serving.Testing;

namespace Serving.Compute.Tests.Cpu;

/// <summary>The structs that cross the ABI have the sizes and offsets that the library was compiled with.</summary>
public sealed class AbiLayoutTests
{
    /// <summary>In the order in which serving_cpu.h declares them.</summary>
    private static readonly Type[] Structs =
    [
        typeof(NativeOptions), typeof(NativeOp), typeof(NativeBufferInfo), typeof(NativeWeight), typeof(NativeSlice), typeof(NativeProgram), typeof(NativePool),
        typeof(NativeAdapterSlice), typeof(NativeCellRun), typeof(StepSequence), typeof(StepPage), typeof(StepSegment), typeof(StepPageCopy),
        typeof(PenaltyToken), typeof(TokenBias), typeof(SampleRow), typeof(NativeStep), typeof(NativeOutputs),
    ];

    [Fact]
    public void Layout_EveryStruct_IsTheLibrarys()
    {
        Repository.Requires(CpuBackend.IsAvailable(out var reason), reason);
        var reported = new int[1024];
        var count = NativeMethods.Layout(reported, reported.Length);
        var expected = Structs.SelectMany(Describe).ToList();
        Assert.Equal(expected.Count, count);
        for (var i = 0; i < count; i++)
        {
            Assert.True(expected[i].Number == reported[i], $"{expected[i].What} is {expected[i].Number} here and {reported[i]} in the library");
        }
    }

    private static IEnumerable<(string What, int Number)> Describe(Type type)
    {
        yield return ($"sizeof {type.Name}", Marshal.SizeOf(type));
        foreach (var field in type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic).OrderBy(field => field.MetadataToken))
        {
            yield return ($"offset of {type.Name}.{field.Name}", (int)Marshal.OffsetOf(type, field.Name));
        }
    }
}
