namespace Serving.Engine.Loading;

/// <summary>
/// How a checkpoint keeps the matrices of its modules as integers or short floats with scales: a quantization scheme as <c>config.json</c> declares it. Which modules are kept so
/// is told by their tensors, not by the config's lists of names: a scheme's tensors have names or types that a plain weight never has.
/// </summary>
public abstract class WeightScheme
{
    /// <summary>The scheme in a few words for people: its name, bits and groups.</summary>
    public abstract string Description { get; }

    /// <summary>Bits of an element, scales not counted.</summary>
    public abstract int Bits { get; }

    /// <summary>The rows of a module's matrix, or null where the module has a plain weight.</summary>
    /// <param name="module">The module's tensors.</param>
    /// <param name="rows">Outputs, as the model's config says.</param>
    /// <param name="columns">Inputs, likewise.</param>
    /// <exception cref="Models.MalformedFileException">A tensor of the scheme is missing, of another shape or type, or of a kind that is not done.</exception>
    internal abstract RowSource? Open(ModuleTensors module, int rows, int columns);

    /// <summary>Whether a tensor belongs to the scheme and is not needed: scales of activations, which are not rounded here.</summary>
    internal virtual bool IsUnread(string tensor) => false;

    /// <summary>Whether a bias that the model has no place for is one that the scheme's writers add to every module, all zeros.</summary>
    internal virtual bool AddsBiases => false;
}
