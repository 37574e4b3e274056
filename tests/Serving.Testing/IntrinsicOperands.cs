using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Serving.Testing;

/// <summary>What an intrinsic takes and gives: srv_intrinsic_operands.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct IntrinsicOperands
{
    /// <summary>The first register.</summary>
    public Register A;

    /// <summary>The second register.</summary>
    public Register B;

    /// <summary>The third register.</summary>
    public Register C;

    /// <summary>What comes out.</summary>
    public Register Result;

    /// <summary>Where loads and stores go.</summary>
    public nint Memory;

    /// <summary>A mask, taken or given.</summary>
    public uint Mask;

    /// <summary>MXCSR while it runs.</summary>
    public uint Control;
}

/// <summary>Sixty-four bytes as sixteen dwords.</summary>
[InlineArray(16)]
public struct Register
{
    private uint _first;
}
