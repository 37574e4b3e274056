using System.Text;
using Serving.Compute.Cuda;
using Serving.Testing;

namespace Serving.Compute.Tests.Cuda.Kernels;

/// <summary>A copy of a kernel with one mistake in it, as native/cuda_emulator/plants makes them; while it is planted, <see cref="KernelSession"/> launches it in the right one's place.</summary>
internal sealed class PlantedKernel : IDisposable
{
    private const char Separator = '~';
    private readonly string _name;

    private PlantedKernel(string plant)
    {
        Kernel = KernelOf(plant);
        _name = Kernel + Separator + plant;
    }

    /// <summary>What is planted now, by the one test that runs on the emulated device.</summary>
    public static PlantedKernel? Current { get; private set; }

    /// <summary>The mistakes in the emulator's library, each beginning with its kernel's name and a dot.</summary>
    public static IReadOnlyList<string> Plants { get; } =
        [.. CudaEmulator.Kernels().Where(name => name.Contains(Separator)).Select(name => name[(name.IndexOf(Separator) + 1)..]).Distinct().Order(StringComparer.Ordinal)];

    /// <summary>The kernel that is replaced.</summary>
    public string Kernel { get; }

    /// <summary>Whether it was launched.</summary>
    public bool WasLaunched { get; private set; }

    /// <summary>What stands for every kernel of the library; PTX has the right ones only.</summary>
    public byte[] Image { get; } = Encoding.ASCII.GetBytes(KernelImage.EmulatorImage);

    /// <summary>The kernel of a mistake.</summary>
    public static string KernelOf(string plant) => "srv_" + plant[..plant.IndexOf('.', StringComparison.Ordinal)];

    /// <summary>Plants one, until it is disposed of.</summary>
    public static PlantedKernel Plant(string plant) => Current = new PlantedKernel(plant);

    /// <summary>The name to launch for a kernel's.</summary>
    public string Substitute(string name)
    {
        WasLaunched |= name == Kernel;
        return name == Kernel ? _name : name;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Current = null;
        CudaEmulator.Reset(-1);
    }
}
