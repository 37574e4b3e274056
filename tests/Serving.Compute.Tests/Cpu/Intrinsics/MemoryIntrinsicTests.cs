using System.Buffers.Binary;
using Serving.Testing;

namespace Serving.Compute.Tests.Cpu.Intrinsics;

/// <summary>The emulated loads and stores: at any address, at both ends of a page beside pages that nobody may touch, with every mask.</summary>
public sealed class MemoryIntrinsicTests
{
    private const int RegisterBytes = 64;

    /// <summary>The intrinsics that are tested here.</summary>
    internal static readonly string[] Names =
        ["_mm512_loadu_ps", "_mm512_loadu_si512", "_mm512_storeu_ps", "_mm512_storeu_si512", "_mm512_maskz_loadu_ps", "_mm512_mask_storeu_ps"];

    [Theory]
    [InlineData("_mm512_loadu_ps")]
    [InlineData("_mm512_loadu_si512")]
    [InlineData("_mm512_storeu_ps")]
    [InlineData("_mm512_storeu_si512")]
    public void WholeRegister_MovesAtAnyAddress(string name)
    {
        CpuEmulator.Require();
        using var page = new GuardedPage();
        var (line, _) = Assert.Single(IntrinsicTests.LinesOf(name));
        for (var offset = 0; offset < RegisterBytes; offset++)
        {
            Check(page, line, name, page.Start + offset, 0xFFFF);
            Check(page, line, name, page.End - RegisterBytes - offset, 0xFFFF);
        }
    }

    /// <summary>What a mask leaves out lies in pages that nobody may touch, before and behind the one that is there; and in the middle of it every mask is tried.</summary>
    [Theory]
    [InlineData("_mm512_maskz_loadu_ps")]
    [InlineData("_mm512_mask_storeu_ps")]
    public void Masked_TouchesWhatTheMaskHasAndNothingElse(string name)
    {
        CpuEmulator.Require();
        using var page = new GuardedPage();
        var (line, _) = Assert.Single(IntrinsicTests.LinesOf(name));
        for (uint mask = 0; mask <= 0xFFFF; mask++)
        {
            Check(page, line, name, page.Start + 257, mask);
        }

        for (var lanes = 0; lanes <= 16; lanes++)
        {
            for (uint some = 0; some <= 0xFFFF; some += 0x1FF)
            {
                var first = some & ((1u << lanes) - 1);
                Check(page, line, name, page.End - (4 * lanes), first);
                Check(page, line, name, page.Start - (4 * (16 - lanes)), first << (16 - lanes));
            }
        }
    }

    /// <summary>By emulation, and on the hardware where it has the instruction.</summary>
    private static void Check(GuardedPage page, int line, string name, nint address, uint mask)
    {
        Check(page, line, name, address, mask, onHardware: false);
        if (HasHardware(page, line))
        {
            Check(page, line, name, address, mask, onHardware: true);
        }
    }

    private static bool HasHardware(GuardedPage page, int line)
    {
        var operands = new IntrinsicOperands { Memory = page.Start, Control = Flush.Default };
        return CpuEmulator.Run(line, onHardware: true, ref operands);
    }

    private static void Check(GuardedPage page, int line, string name, nint address, uint mask, bool onHardware)
    {
        var operands = new IntrinsicOperands { Memory = address, Mask = mask, Control = Flush.Default };
        for (var i = 0; i < GuardedPage.Size; i++)
        {
            page.Bytes[i] = (byte)((i * 7) + (i >> 8));
        }

        for (var i = 0; i < 16; i++)
        {
            operands.A[i] = 0xA1B2C300u + (uint)i;
        }

        var expected = page.Bytes.ToArray();
        var stores = name.Contains("store", StringComparison.Ordinal);
        var loaded = new uint[16];
        for (var i = 0; i < 16; i++)
        {
            var at = (int)(address - page.Start) + (4 * i);
            if ((mask >> i & 1) != 0)
            {
                loaded[i] = BinaryPrimitives.ReadUInt32LittleEndian(expected.AsSpan(at));
            }
        }

        for (var i = 0; stores && i < 16; i++)
        {
            var at = (int)(address - page.Start) + (4 * i);
            if ((mask >> i & 1) != 0)
            {
                BinaryPrimitives.WriteUInt32LittleEndian(expected.AsSpan(at), operands.A[i]);
            }
        }

        Assert.True(CpuEmulator.Run(line, onHardware, ref operands));
        if (!page.Bytes.SequenceEqual(expected) || !(stores || ((ReadOnlySpan<uint>)operands.Result).SequenceEqual(loaded)))
        {
            Assert.Fail($"{name} at {address - page.Start}, mask {mask:X4}: another register or other memory than it should be");
        }
    }
}
