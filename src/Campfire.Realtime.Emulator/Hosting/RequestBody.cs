using System.Buffers;
using Microsoft.AspNetCore.Http;

namespace Campfire.Realtime.Emulator.Hosting;

internal static class RequestBody
{
    // What Realtime's own parser takes.
    private const int MaxBytes = 8_000_000;

    // Whoever sends more than this is not waiting for an answer.
    private const long MaxDrainedBytes = 256_000_000;

    // Null when the body is too large. It is read to its end nevertheless, and forgotten: a client that is cut off while
    // it sends reports a broken connection and never sees the answer.
    public static async Task<byte[]?> ReadAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        using var body = new MemoryStream();
        var buffer = ArrayPool<byte>.Shared.Rent(16 * 1024);
        try
        {
            var isTooLarge = request.ContentLength > MaxBytes;
            var length = 0L;
            while (length <= MaxDrainedBytes && await request.Body.ReadAsync(buffer, cancellationToken).ConfigureAwait(false) is > 0 and var count)
            {
                length += count;
                if (!isTooLarge && length > MaxBytes)
                {
                    isTooLarge = true;
                    body.SetLength(0);
                    body.Capacity = 0;
                }
                if (!isTooLarge)
                    body.Write(buffer, 0, count);
            }
            return isTooLarge ? null : body.ToArray();
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
