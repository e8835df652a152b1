// All texts of the page, in Indonesian and English. `{name}` stands for a value.

export const TEXTS = {
  skip_to_form: ['Langsung ke formulir', 'Skip to the form'],
  tagline: ['Foto produk dengan AI, dicoba di komputer ini', 'AI product photos, tried on this machine'],
  tools: ['Alat', 'Tools'],
  api_documentation: ['Dokumentasi API', 'API reference'],
  language: ['Bahasa', 'Language'],
  account: ['Pengguna dan koin', 'User and coins'],
  user: ['Pengguna', 'User'],
  change_user: ['Ganti', 'Switch'],
  user_changed: ['Sekarang sebagai {user}', 'Now as {user}'],
  coins: ['{coins} koin', '{coins} coins'],
  coins_held: ['{available} koin tersedia, {held} ditahan', '{available} coins free, {held} held'],
  coins_unknown: ['Koin tidak diketahui', 'Coins unknown'],
  add_coins: ['+{coins} koin demo', '+{coins} demo coins'],
  add_coins_failed: ['Koin tidak dapat ditambahkan: {detail}', 'Coins could not be added: {detail}'],
  stack_unreachable: [
    'Tidak dapat berbicara dengan Potret: {detail}. Apakah cargo dev masih berjalan?',
    'Cannot speak to Potret: {detail}. Is cargo dev still running?',
  ],
  fal_double: [
    'Gambar dilukis oleh fal tiruan di komputer ini: gratis, dan bukan hasil AI.',
    'Pictures are drawn by a double of fal on this machine: free, and not made by AI.',
  ],
  fal_server: ['Gambar diminta dari fal di {host}.', 'Pictures are asked of the fal at {host}.'],
  fal_real: [
    'Gambar diminta dari fal.ai yang sebenarnya: setiap gambar memakai uang dari akun fal Anda.',
    'Pictures are asked of the real fal.ai: each costs money from your fal account.',
  ],

  describe: ['Apa yang ingin dibuat', 'What to make'],
  way_to_prompt: ['Cara membuat prompt', 'How to make the prompt'],
  way_options: ['Pilih dari daftar', 'Choose from lists'],
  way_prompt: ['Tulis prompt sendiri', 'Write a prompt'],
  own_prompt: ['Prompt Anda', 'Your prompt'],
  characters: ['{count} dari {most} karakter', '{count} of {most} characters'],
  required: ['wajib', 'required'],
  optional: ['opsional', 'optional'],
  any: ['Bebas', 'Any'],
  or_own_words: ['Atau dengan kata sendiri', 'Or in your own words'],
  own_words_win: ['Menggantikan pilihan di atas.', 'Takes the place of the choice above.'],
  aspect_ratio_note: [
    'Disebut di dalam prompt; ukuran gambar tetap sama.',
    'Said in the prompt; the size of the picture stays the same.',
  ],
  field_content_type: ['Jenis konten', 'Content type'],
  field_model_type: ['Model', 'Model'],
  field_category: ['Kategori', 'Category'],
  field_pose: ['Pose', 'Pose'],
  field_background: ['Latar', 'Background'],
  field_style: ['Gaya', 'Style'],
  field_lighting: ['Pencahayaan', 'Lighting'],
  field_camera_angle: ['Sudut kamera', 'Camera angle'],
  field_aspect_ratio: ['Rasio', 'Aspect ratio'],
  field_additional_prompt: ['Tambahan', 'Anything else'],

  photos: ['Foto', 'Photos'],
  photo_rules: [
    'PNG, JPEG, atau WebP, sampai {most}. Yang besar diunggah lebih dahulu dengan sendirinya. {model} memakai {count} foto.',
    'PNG, JPEG or WebP, up to {most}. Large ones are uploaded first, by themselves. {model} uses {count}.',
  ],
  slot_face: ['Wajah', 'Face'],
  slot_product: ['Produk', 'Products'],
  slot_background: ['Latar', 'Background'],
  slot_face_hint: ['Wajah yang dipakai', 'The face to use'],
  slot_product_hint: ['Satu foto atau lebih', 'One photo or more'],
  slot_background_hint: ['Tempat di belakangnya', 'The place behind it'],
  choose_photo: ['Pilih foto atau seret ke sini', 'Choose a photo or drop it here'],
  photo_removed: ['{name} dihapus', '{name} removed'],
  photo_added: ['{name} ditambahkan', '{name} added'],
  remove: ['Hapus', 'Remove'],
  remove_photo: ['Hapus {name}', 'Remove {name}'],
  photo_not_image: ['{name} bukan gambar PNG, JPEG, atau WebP.', '{name} is not a PNG, JPEG or WebP image.'],
  photo_too_large: ['{name} lebih besar dari {most}.', '{name} is larger than {most}.'],
  photo_too_many_pixels: ['{name} lebih dari {most} megapiksel.', '{name} has more than {most} megapixels.'],
  way_inline: ['di dalam permintaan', 'inside the request'],
  way_upload: ['diunggah lebih dahulu', 'uploaded first'],
  fate_sent: ['Dikirim ke-{number}', 'Sent as number {number}'],
  fate_dropped: ['Tidak dikirim: model memakai {most} foto', 'Not sent: the model uses {most}'],
  fate_refused: ['Terlalu banyak: paling banyak {most} foto', 'Too many: at most {most} photos'],
  photos_in_order: ['Foto yang dikirim, berurutan', 'Photos that are sent, in order'],

  make_pictures: ['Buat gambar', 'Make the pictures'],
  prompt_to_be_sent: ['Prompt yang akan dikirim', 'The prompt to be sent'],
  prompt_missing: [
    'Pilih model dan kategori untuk melihat prompt.',
    'Choose a model and a category to see the prompt.',
  ],
  prompt_blank: ['Tulis prompt di atas.', 'Write a prompt above.'],
  prompt_faulty: ['Ada isian yang perlu diperbaiki.', 'A field needs to be corrected.'],
  prompt_length: ['{count} karakter', '{count} characters'],
  generate: ['Buat 2 gambar · {coins} koin', 'Make 2 pictures · {coins} coin'],
  generate_many: ['Buat 2 gambar · {coins} koin', 'Make 2 pictures · {coins} coins'],
  generating: ['Sedang dibuat…', 'Being made…'],

  faults: ['Coba kegagalan', 'Try a failure'],
  faults_hint: [
    'fal tiruan akan gagal sampai dikembalikan. Perhatikan koin: kegagalan tidak memakai koin.',
    'The fal double fails until this is set back. Watch the coins: a failure costs nothing.',
  ],
  fault_none: ['Tidak ada', 'None'],
  fault_none_hint: ['fal bekerja seperti biasa', 'fal works as usual'],
  fault_slow: ['Lambat', 'Slow'],
  fault_slow_hint: [
    'satu menit lebih lama; halaman boleh ditutup sementara itu',
    'a minute longer; the page may be closed meanwhile',
  ],
  fault_refused: ['Ditolak', 'Refused'],
  fault_refused_hint: ['prompt dianggap tidak aman', 'the prompt is taken to be unsafe'],
  fault_black: ['Gambar hitam', 'Black picture'],
  fault_black_hint: ['gambar disensor menjadi hitam', 'the pictures are censored to black'],
  fault_half: ['Satu dari dua gagal', 'One of two fails'],
  fault_half_hint: ['gambar pertama jadi, yang kedua tidak', 'the first picture is made, the second is not'],
  fault_locked: ['Akun terkunci', 'Account locked'],
  fault_locked_hint: ['saldo akun fal habis', 'the fal account has run dry'],
  fault_other: ['Lainnya: {names}', 'Another: {names}'],
  fault_failed: ['fal tiruan tidak dapat diatur.', 'The fal double could not be set.'],

  making_title: ['Gambar sedang dibuat', 'The pictures are being made'],
  stage_uploading: ['Mengunggah foto {number} dari {count}…', 'Uploading photo {number} of {count}…'],
  stage_waiting: ['Menunggu dua gambar…', 'Waiting for two pictures…'],
  stage_lost: [
    'Sambungan terputus. Mencoba lagi; tidak dibayar dua kali.',
    'The connection was lost. Trying again; nothing is paid twice.',
  ],
  stage_searching: ['Mencari gambar di riwayat…', 'Looking for the pictures in the history…'],
  elapsed: ['{seconds} detik', '{seconds} seconds'],
  elapsed_minutes: ['{minutes} menit', '{minutes} minutes'],
  batches: ['Gambar yang dibuat', 'Pictures being made'],
  queued_title: ['Menunggu giliran', 'Waiting for its turn'],
  queued_stage: ['Urutan {place} dalam antrean', 'Number {place} in the queue'],
  making_stage: ['{made} dari 2 gambar jadi', '{made} of 2 pictures made'],
  following_lost: [
    'Sambungan terputus. Mencoba lagi; gambar tetap dibuat.',
    'The connection was lost. Trying again; the pictures go on.',
  ],
  may_close: [
    'Halaman ini boleh ditutup. Gambarnya akan ada di riwayat.',
    'You may close this page. The pictures will be in the history.',
  ],
  batch_gone: ['Gambar ini tidak ditemukan lagi.', 'These pictures are no longer there.'],
  done_title: ['Gambar Anda sudah jadi', 'Your pictures are ready'],
  failed_title: ['Belum berhasil', 'That did not work'],
  picture: ['Gambar {number}: {prompt}', 'Picture {number}: {prompt}'],
  download: ['Unduh', 'Download'],
  download_picture: ['Unduh gambar {number}', 'Download picture {number}'],
  open: ['Buka', 'Open'],
  open_picture: ['Buka gambar {number}', 'Open picture {number}'],
  receipt_price_one: ['Harga {coins} koin', 'Price: {coins} coin'],
  receipt_price_many: ['Harga {coins} koin', 'Price: {coins} coins'],
  receipt_held_one: ['{coins} koin ditahan', '{coins} coin held'],
  receipt_held_many: ['{coins} koin ditahan', '{coins} coins held'],
  receipt_paid_one: ['{coins} koin dipakai', '{coins} coin paid'],
  receipt_paid_many: ['{coins} koin dipakai', '{coins} coins paid'],
  left_one: ['Sisa {coins} koin', '{coins} coin left'],
  left_many: ['Sisa {coins} koin', '{coins} coins left'],
  coins_kept: ['Tidak ada koin yang dipakai', 'No coin was paid'],
  replayed: ['Jawaban yang tersimpan; tidak dibayar lagi.', 'The stored answer; it was not paid again.'],
  dropped: ['Tidak dikirim ke model: {inputs}', 'Not sent to the model: {inputs}'],
  try_again: ['Coba lagi', 'Try again'],
  to_field: ['Ke isian {field}', 'Go to the field {field}'],
  no_connection: ['Tidak ada sambungan', 'No connection'],
  no_connection_detail: [
    'Potret tidak menjawab, dan gambar belum ada di riwayat. Mencoba lagi dengan isian yang sama aman: tidak akan dibayar dua kali.',
    'Potret did not answer, and the pictures are not in the history. Trying again with the same input is safe: nothing is paid twice.',
  ],
  upload_failed: ['Foto tidak dapat diunggah', 'A photo could not be uploaded'],
  upload_failed_detail: [
    'Tempat penyimpanan foto menjawab {status}. Koin Anda tidak berkurang.',
    'The store of photos answered {status}. Nothing was charged.',
  ],
  unexpected: ['Jawaban yang tidak terduga', 'An unexpected answer'],
  unexpected_detail: ['Potret menjawab {status}. {message}', 'Potret answered {status}. {message}'],

  failure_content_rejected: [
    'Prompt atau gambar ditolak karena tidak aman.',
    'The prompt or a picture was rejected as unsafe.',
  ],
  failure_invalid_image: ['Salah satu foto tidak dapat dipakai.', 'One of the photos could not be used.'],
  failure_invalid_request: ['Salah satu isian tidak dapat dipakai.', 'Some of the input could not be used.'],
  failure_image_provider_busy: [
    'Penyedia gambar sedang sibuk. Coba lagi sebentar lagi.',
    'The image provider is busy. Please try again in a moment.',
  ],
  failure_image_provider_timeout: ['Penyedia gambar terlalu lama.', 'The image provider took too long.'],
  failure_expired: ['Gambar tidak selesai pada waktunya.', 'The pictures were not made in time.'],
  failure_other: ['Gambar tidak dapat dibuat.', 'The pictures could not be made.'],

  history: ['Riwayat', 'History'],
  history_empty: ['Belum ada gambar.', 'No pictures yet.'],
  history_more: ['Tampilkan lagi', 'Show more'],
  status_pending: ['sedang dibuat', 'being made'],
  status_succeeded: ['jadi', 'ready'],
  status_failed: ['gagal', 'failed'],
  status_expired: ['kedaluwarsa', 'expired'],

  debug: ['Debug', 'Debug'],
  debug_title: ['Yang dikirim dan dijawab', 'What was sent and answered'],
  close: ['Tutup', 'Close'],
  debug_nothing: ['Belum ada permintaan dari halaman ini.', 'This page has not asked for anything yet.'],
  debug_payload: ['Isi yang sampai di fal', 'The payload as it reached fal'],
  debug_payload_record: ['Isi yang dikirim ke fal', 'The payload sent to fal'],
  debug_payload_none: ['fal tidak ditanya.', 'fal was not asked.'],
  debug_fal_answers: [
    'fal ditanya {count} kali: {answers}. Tanda tangan pada alamat foto tidak ditampilkan.',
    'fal was asked {count} times: {answers}. Signatures in the addresses of photos are not shown.',
  ],
  debug_fal_pending: ['belum dijawab', 'not answered'],
  debug_last_prompt: ['Catatan prompt terakhir', 'The last-prompt entry'],
  debug_last_prompt_none: ['Belum ada catatan.', 'No entry yet.'],
  debug_request: ['Permintaan halaman ini', 'The request of this page'],
  debug_answer: ['Jawaban', 'The answer'],
  copy: ['Salin', 'Copy'],
  copy_curl: ['Salin sebagai curl', 'Copy as curl'],
  copy_event: ['Salin sebagai event', 'Copy as event fixture'],
  copied: ['Tersalin', 'Copied'],
  copy_failed: ['Tidak dapat menyalin; pilih teksnya.', 'Could not copy; select the text.'],
  copy_part: ['Salin: {part}', 'Copy: {part}'],
};

export const LANGUAGES = ['id', 'en'];

let current = 0;
const listeners = [];

export const language = () => LANGUAGES[current];

/** The other language, for the second line of a label. */
export const otherLanguage = () => LANGUAGES[1 - current];

/** A text in the page's language. Throws on an unknown key, because that is a bug in the page. */
export function text(key, values = {}) {
  const row = TEXTS[key];
  if (!row) throw new Error(`no text ${key}`);
  return row[current].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** Changes the language, fills in the page's fixed texts and calls the listeners, which update the others. */
export function setLanguage(wanted) {
  current = Math.max(0, LANGUAGES.indexOf(wanted));
  document.documentElement.lang = language();
  for (const place of document.querySelectorAll('[data-text]')) place.textContent = text(place.dataset.text);
  for (const place of document.querySelectorAll('[data-label]'))
    place.setAttribute('aria-label', text(place.dataset.label));
  for (const listener of listeners) listener();
}

/** Calls `listener` after every change of the language. */
export const onLanguage = (listener) => listeners.push(listener);

/** A number of bytes in readable form. */
export function size(bytes) {
  const [amount, unit] = bytes >= 1024 * 1024 ? [bytes / (1024 * 1024), 'MB'] : [bytes / 1024, 'KB'];
  const digits = amount < 10 && unit === 'MB' && !Number.isInteger(amount) ? 1 : 0;
  return `${amount.toLocaleString(language(), { maximumFractionDigits: digits })} ${unit}`;
}
