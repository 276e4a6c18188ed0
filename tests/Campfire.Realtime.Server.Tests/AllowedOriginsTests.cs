using Campfire.Realtime.Server.Widgets;

namespace Campfire.Realtime.Server.Tests;

[Parallelizable(ParallelScope.All)]
public sealed class AllowedOriginsTests
{
    [TestCase("https://shop.example", "https://shop.example")]
    [TestCase("https://shop.example/", "https://shop.example")]
    [TestCase("HTTPS://Shop.Example:443", "https://shop.example")]
    [TestCase("http://localhost:5173", "http://localhost:5173")]
    [TestCase("https://bücher.example", "https://xn--bcher-kva.example")]
    [TestCase("capacitor://localhost", "capacitor://localhost")]
    [TestCase("*", "null")]
    public void The_same_scheme_host_and_port_pass(string allowed, string origin) =>
        Assert.That(AllowedOrigins.Permit(["https://other.example", allowed], origin), Is.True);

    [TestCase("https://shop.example", "https://shop.example.evil.example")]
    [TestCase("https://shop.example", "https://www.shop.example")]
    [TestCase("https://shop.example", "https://shop.example:8443")]
    [TestCase("https://shop.example", "http://shop.example")]
    [TestCase("https://shop.example", "https://shop.example/path")]
    [TestCase("https://shop.example", "https://shop.example, https://evil.example")]
    [TestCase("https://shop.example/path", "https://shop.example")]
    [TestCase("null", "null")]
    [TestCase("not an origin", "not an origin")]
    [TestCase("*.example", "https://shop.example")]
    [TestCase("", "")]
    public void Everything_else_is_kept_out(string allowed, string origin) =>
        Assert.That(AllowedOrigins.Permit([allowed], origin), Is.False);
}
