namespace Serving.Engine.PromptModules.Registry;

/// <summary>How many schemas are kept.</summary>
/// <param name="MaxSchemas">Schemas of one owner; all public ones have one owner together.</param>
/// <param name="MaxOwnerSize">Characters of one owner's sources.</param>
/// <param name="MaxSize">Characters of all sources together.</param>
public sealed record SchemaStoreOptions(int MaxSchemas, long MaxOwnerSize, long MaxSize);
