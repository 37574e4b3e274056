using System.Collections.Frozen;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Serving.Server.Grpc;

/// <summary>Files of messages and services by their names, and by the symbols that they define.</summary>
internal sealed class DescriptorIndex
{
    private readonly FrozenDictionary<string, FileDescriptor> _files;
    private readonly FrozenDictionary<string, FileDescriptor> _symbols;

    /// <summary>Indexes files and all that they import.</summary>
    public DescriptorIndex(IEnumerable<FileDescriptor> files)
    {
        _files = files.SelectMany(ImportsFirst).DistinctBy(file => file.Name).ToFrozenDictionary(file => file.Name);
        _symbols = _files.Values.SelectMany(file => Symbols(file).Select(symbol => (symbol, file))).ToFrozenDictionary(pair => pair.symbol, pair => pair.file);
    }

    /// <summary>The file of a name, or null.</summary>
    public FileDescriptor? FindFile(string name) => _files.GetValueOrDefault(name);

    /// <summary>The file that defines a service, method, message or enum, or null.</summary>
    public FileDescriptor? FindSymbol(string name) => _symbols.GetValueOrDefault(name);

    /// <summary>A file and all that it imports, each once and before its own imports, as bytes.</summary>
    public static IEnumerable<ByteString> Serialize(FileDescriptor file) => ImportsFirst(file).DistinctBy(part => part.Name).Reverse().Select(part => part.SerializedData);

    private static IEnumerable<FileDescriptor> ImportsFirst(FileDescriptor file) => file.Dependencies.SelectMany(ImportsFirst).Append(file);

    private static IEnumerable<string> Symbols(FileDescriptor file) =>
    [
        .. file.Services.SelectMany(service => service.Methods.Select(method => method.FullName).Prepend(service.FullName)),
        .. file.MessageTypes.SelectMany(Symbols),
        .. file.EnumTypes.Select(type => type.FullName),
    ];

    private static IEnumerable<string> Symbols(MessageDescriptor message) =>
        [message.FullName, .. message.NestedTypes.SelectMany(Symbols), .. message.EnumTypes.Select(type => type.FullName)];
}
