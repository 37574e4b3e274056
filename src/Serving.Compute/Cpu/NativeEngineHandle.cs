using Microsoft.Win32.SafeHandles;
using Serving.Compute.Backends;
using Serving.Compute.Cpu.Interop;
using Serving.Compute.Programs;

namespace Serving.Compute.Cpu;

/// <summary>Owns one srv_engine: its threads, weights and arena.</summary>
internal sealed unsafe class NativeEngineHandle : SafeHandleZeroOrMinusOneIsInvalid
{
    private NativeEngineHandle(nint engine)
        : base(ownsHandle: true)
    {
        SetHandle(engine);
    }

    /// <summary>The pointer that the library's functions take; valid as long as this is referenced and not disposed.</summary>
    public nint Engine => IsClosed ? throw new ObjectDisposedException(nameof(CpuBackend)) : handle;

    /// <summary>Hands the program over; the library copies it.</summary>
    /// <exception cref="ComputeException">The library refused it.</exception>
    public static NativeEngineHandle Create(ModelProgram program, int instructionSet, int integerInstructionSet, int threads)
    {
        var shape = program.Shape;
        var (ops, buffers) = (NativeProgramWriter.Ops(program), NativeProgramWriter.Buffers(program));
        var (weights, slices) = (NativeProgramWriter.Weights(program), NativeProgramWriter.Slices(program));
        var options = new NativeOptions
        {
            StructSize = (uint)sizeof(NativeOptions),
            AbiVersion = NativeMethods.ExpectedAbiVersion,
            Isa = instructionSet,
            ThreadCount = threads,
            IntegerIsa = integerInstructionSet,
        };
        fixed (NativeOp* opTable = ops)
        fixed (NativeBufferInfo* bufferTable = buffers)
        fixed (NativeWeight* weightTable = weights)
        fixed (NativeSlice* sliceTable = slices)
        fixed (float* cosines = program.Rope.Cosines, sines = program.Rope.Sines)
        {
            var native = new NativeProgram
            {
                StructSize = (uint)sizeof(NativeProgram),
                HiddenSize = shape.HiddenSize,
                LayerCount = shape.KvLayerCount,
                HeadCount = shape.HeadCount,
                KvHeadCount = shape.KvHeadCount,
                HeadSize = shape.HeadSize,
                VocabularySize = shape.VocabularySize,
                RopePositions = program.Rope.PositionCount,
                RopePairs = program.Rope.PairCount,
                OpCount = ops.Length,
                BufferCount = buffers.Length,
                WeightCount = weights.Length,
                SliceCount = slices.Length,
                RopeTables = program.Rope.TableCount,
                ExpertCount = program.Mixture?.ExpertCount ?? 0,
                ChoiceCount = program.Mixture?.ChoiceCount ?? 0,
                StateBytes = shape.StateBytes,
                KeyValues = (int)shape.KeyValues,
                Ops = opTable,
                Buffers = bufferTable,
                Weights = weightTable,
                Slices = sliceTable,
                Cosines = cosines,
                Sines = sines,
            };
            NativeMethods.Create(&options, &native, out var engine).ThrowIfFailed("take the model's program");
            return new NativeEngineHandle(engine);
        }
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        NativeMethods.Destroy(handle);
        return true;
    }
}
