// Follows a guest's mail as a person would: mailbox, mail, button, redeem page, and from there to the redirect address of
// the guest's row. MAILBOX is the mailbox's address, GUEST the guest's, REDIRECT where the walk must end, and LANDING the
// host:port at which its host is served. With SHOTS, pictures of each page are left in that folder, in light and in dark.
// Prints one line for each step that is done.
import { chromium } from 'playwright-core'
import { join } from 'node:path'

const { MAILBOX, GUEST, REDIRECT, LANDING, SHOTS, CHROMIUM = '/usr/bin/chromium' } = process.env
const patience = 60_000 // a loaded machine

const browser = await chromium.launch({ executablePath: CHROMIUM, timeout: patience,
  args: ['--no-sandbox', `--host-resolver-rules=MAP ${new URL(REDIRECT).hostname} ${LANDING}`] })
try {
  const context = await browser.newContext({ viewport: { width: 900, height: 1100 }, ignoreHTTPSErrors: true })
  context.setDefaultTimeout(patience)
  const outside = []
  context.on('request', r => {
    const host = new URL(r.url()).hostname
    if (!['127.0.0.1', new URL(REDIRECT).hostname].includes(host) && r.url().startsWith('http')) outside.push(r.url())
  })

  const page = await context.newPage()
  await page.goto(MAILBOX)
  await shoot(page, 'mailbox')
  await page.locator('li a', { has: page.locator('b').getByText(GUEST, { exact: true }) }).first().click()
  const mail = page.frameLocator('iframe')
  await mail.getByRole('heading', { level: 1 }).waitFor()
  await shoot(page, 'mail-in-mailbox')
  done('the mail is in the mailbox')

  if (SHOTS) {
    const alone = await context.newPage()
    await alone.goto(await page.locator('iframe').evaluate(f => f.src))
    await shoot(alone, 'mail')
    await alone.setViewportSize({ width: 390, height: 1000 })
    await shoot(alone, 'mail-narrow')
    await alone.close()
  }

  const opened = context.waitForEvent('page')
  await mail.locator('td.button a').click()
  const redeem = await opened
  await redeem.getByRole('button').waitFor()
  await shoot(redeem, 'redeem')
  done('the button leads to the redeem page')

  await redeem.getByRole('button').click()
  await redeem.waitForURL(REDIRECT)
  await redeem.getByRole('heading', { name: 'Welcome' }).waitFor()
  done('redeeming leads to ' + redeem.url())

  if (outside.length) throw new Error('a page asked for ' + outside.join(', '))
  done('no page asked for anything else')
} finally {
  await browser.close()
}

function done(what) { console.log('ok ' + what) }

async function shoot(page, name) {
  if (!SHOTS) return
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme })
    await page.screenshot({ path: join(SHOTS, `${name}-${colorScheme}.png`), fullPage: true })
  }
  await page.emulateMedia({ colorScheme: null })
}
