using Serving.Compute.Backends;
using Serving.Compute.Cuda.Driver;

namespace Serving.Compute.Cuda.Memory;

/// <summary>The host memory behind the arena, pinned, and the copies of whole pages between the two, on a stream of their own.</summary>
internal sealed class PinnedTier : IDisposable
{
    private readonly Lock _gate = new();
    private readonly PoolShape _pool;
    private readonly CudaDeviceBuffer _pages;
    private readonly AdapterTable _adapters;
    private readonly CudaPinnedBuffer? _host;
    private readonly CudaStream _stream;

    /// <summary>Takes the host memory.</summary>
    public PinnedTier(PoolShape pool, CudaDeviceBuffer pages, AdapterTable adapters)
    {
        _pool = pool;
        _pages = pages;
        _adapters = adapters;
        _stream = CudaStream.Create(pages.Context);
        _host = pool.HostPageCount > 0 ? CudaPinnedBuffer.Allocate(pages.Context, checked(pool.HostPageCount * pool.PageBytes), clear: false) : null;
    }

    /// <summary>Copies pages of the arena to host pages; they are there when it returns.</summary>
    public void CopyToHost(ReadOnlySpan<int> pages, ReadOnlySpan<int> hostPages) => Copy(pages, hostPages, toHost: true);

    /// <summary>Copies host pages to pages of the arena; they are there when it returns.</summary>
    public void CopyFromHost(ReadOnlySpan<int> hostPages, ReadOnlySpan<int> pages) => Copy(pages, hostPages, toHost: false);

    /// <inheritdoc/>
    public void Dispose()
    {
        _stream.Dispose();
        _host?.Dispose();
    }

    private void Copy(ReadOnlySpan<int> pages, ReadOnlySpan<int> hostPages, bool toHost)
    {
        if (pages.Length != hostPages.Length)
        {
            throw new ComputeException($"{pages.Length} pages cannot be copied to or from {hostPages.Length}.");
        }

        lock (_gate)
        {
            _pages.Context.MakeCurrent();
            if (!toHost)
            {
                // The pages may have been an adapter's that was given up while it was on its way.
                _adapters.AwaitAll(_stream);
            }

            for (var i = 0; i < pages.Length; i++)
            {
                Copy(Check(pages[i], _pool.PageCount), Check(hostPages[i], _pool.HostPageCount), toHost);
            }

            _stream.Synchronize();
        }
    }

    private void Copy(int page, int hostPage, bool toHost)
    {
        var (offset, hostOffset) = (page * _pool.PageBytes, hostPage * _pool.PageBytes);
        if (toHost)
        {
            _pages.CopyToAsync(offset, _host!, hostOffset, _pool.PageBytes, _stream);
        }
        else
        {
            _pages.CopyFromAsync(offset, _host!, hostOffset, _pool.PageBytes, _stream);
        }
    }

    private static int Check(int page, int count) => (uint)page < (uint)count ? page : throw new ComputeException($"Page {page} is not one of {count}.");
}
